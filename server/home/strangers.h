// REQUIREMENTS 29: what a home knows of people who are not in its roster. Rules: docs/adr/0004-strangers.md.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/home/acquaintances.h"
#include "storage/message_log.h"

namespace rookery::server {

/// Their messages are in the archive; no session has been given one.
struct HeldMessages {
  storage::LogId first = 0, last = 0;
  bool is_marked = true;  ///< in the store, without which a restart would forget them
  bool is_told = true;    ///< the account's clients have heard of them
  bool releasing = false;
};

/// Those of one who is no stranger any more: a session that can be given them has not come yet, or has not acknowledged
/// all of them.
struct ReleasedMessages {
  storage::LogId first = 0, last = 0;
  bool is_known = true;  ///< `unacknowledged` is; else it is what the archive has of them
  bool reading = false;
  std::set<storage::LogId> unacknowledged;
};

class Strangers {
 public:
  static constexpr std::string_view kind = "strangers";  ///< in storage::ValueStore; keys below
  static constexpr std::string_view written = "written ", held_since = "held ", released_key = "released ",
                                    policy_key = "policy";
  static constexpr size_t most_held = 200;

  Strangers() = default;
  explicit Strangers(const std::vector<std::pair<std::string, std::string>>& stored);

  std::string policy;  ///< the account's own: "deliver", "hold", "refuse"; empty: the server's
  Acquaintances acquaintances;
  std::map<std::string, HeldMessages, std::less<>> held;          ///< by bare JID
  std::map<std::string, ReleasedMessages, std::less<>> released;  ///< the same

  // What was found out since this home was loaded, so that the next message costs one lookup. Bare JIDs as they are
  // written.
  enum Finding : uint8_t { may_be_written_to = 1, may_write = 2, has_written = 4 };
  bool found(std::string_view bare_jid, Finding finding) const {
    const auto known = findings_.find(bare_jid);
    return known != findings_.end() && (known->second & finding) != 0;
  }
  void note(std::string_view bare_jid, Finding finding);
  /// The roster has changed: what it said of this contact, or of all.
  void forget(std::string_view bare_jid);
  void forget_all() { findings_.clear(); }

 private:
  void read_released(const std::string& peer, std::string_view value);

  TextMap<uint8_t> findings_;
};

}  // namespace rookery::server
