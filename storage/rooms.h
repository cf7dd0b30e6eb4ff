// XEP-0045 rooms: what must outlive the process. Messages are in the log (owner: the room's JID), avatars among the
// values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "storage/message_log.h"

namespace rookery::storage {

struct Room {
  xmpp::Jid jid;  ///< bare
  bool is_public = true;
  std::string name;
  std::string config;   ///< an opaque form of the rooms feature
  std::string subject;  ///< the <message/> that set it, as XML; empty when there is none
  std::string secret;   ///< what XEP-0421 occupant-ids are made with
  std::string creator;  ///< bare JID text
  TimePoint created{};
  bool operator==(const Room&) const = default;
};

/// What a room knows of somebody, present or not.
struct RoomAffiliation {
  xmpp::Jid jid;            ///< bare, or a domain
  std::string affiliation;  ///< "owner", "admin", "member", "outcast"; "none" with a nick only
  std::string nick;         ///< reserved (XEP-0045 §7.10); empty when there is none
  std::string reason;
  bool operator==(const RoomAffiliation&) const = default;
};

/// A part of the list of public rooms, which is ordered by JID.
struct RoomRange {
  std::string domain;
  std::string after, before;  ///< JID texts, exclusive; empty: no bound
  bool last_page = false;     ///< take the end of the range; the result is ascending anyway
  size_t limit = 50;
};

class RoomStore {
 public:
  virtual ~RoomStore() = default;
  virtual Result<Room> load(const xmpp::Jid& room) = 0;  ///< Failure::not_found
  virtual Status put(const Room& room) = 0;              ///< inserts or replaces; affiliations stay
  virtual Status remove(const xmpp::Jid& room) = 0;      ///< with its affiliations; fine if absent
  virtual Result<std::vector<RoomAffiliation>> affiliations(const xmpp::Jid& room) = 0;  ///< ordered by JID
  /// The rooms that have an affiliation or a nick of this JID, ordered.
  virtual Result<std::vector<xmpp::Jid>> affiliated(const xmpp::Jid& jid) = 0;
  /// "none" without a nick removes.
  virtual Status set_affiliation(const xmpp::Jid& room, const RoomAffiliation& value) = 0;
  /// JID and name of public rooms.
  virtual Result<std::vector<std::pair<xmpp::Jid, std::string>>> list(const RoomRange& range) = 0;
  /// All rooms of the domain, ordered by JID; `after`: a JID's text, exclusive.
  virtual Result<std::vector<xmpp::Jid>> all(std::string_view domain, std::string_view after, size_t limit) = 0;
  virtual Result<size_t> count(std::string_view domain) = 0;        ///< public rooms
  virtual Result<size_t> created_by(std::string_view creator) = 0;  ///< rooms of any kind that still exist
};

}  // namespace rookery::storage
