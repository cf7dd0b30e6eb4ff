// Multi-User Chat, XEP-0045: affiliations and roles, and what clients and rooms say about them.
#pragma once

#include <vector>

#include "xmpp/payloads/payload.h"
#include "xmpp/time.h"

namespace rookery::xmpp {

/// §5.2, ascending.
enum class Affiliation { outcast, none, member, admin, owner };
/// §5.1, ascending.
enum class Role { none, visitor, participant, moderator };

std::string_view to_string(Affiliation affiliation);
std::string_view to_string(Role role);
std::optional<Affiliation> parse_affiliation(std::string_view text);
std::optional<Role> parse_role(std::string_view text);

/// `<x xmlns='http://jabber.org/protocol/muc'/>` in the presence of one who wants to enter, §7.2.
struct MucJoin {
  std::string password;
  // §7.2.14; what is absent or no number does not limit.
  std::optional<uint32_t> max_chars, max_stanzas, seconds;
  std::optional<TimePoint> since;

  /// nullopt when the presence has no such element: it is no attempt to enter.
  static std::optional<MucJoin> parse(const Element& presence);
};

/// `<item/>`: in muc#admin what is to be changed or asked for, in muc#user how an occupant stands.
struct MucItem {
  std::optional<Affiliation> affiliation;
  std::optional<Role> role;
  std::optional<Jid> jid;
  std::optional<std::string> nick;  ///< empty: the reserved one is taken back (§9.5)
  std::string reason;
  std::string actor_nick;  ///< §8.2: who did it

  Element& add_to(Element& parent) const;
};

/// The items of a `<query xmlns='…muc#admin'/>`, at least one; bad-request for an unknown role or affiliation, or both
/// at once, or neither; jid-malformed.
Parsed<std::vector<MucItem>> parse_muc_admin(const Element& query);

/// `<x xmlns='…muc#user'/>` with the status codes of §10; returns it for items and more.
Element& add_muc_user(Element& stanza, const std::vector<int>& statuses = {});

/// §7.8.2 `<invite/>` and `<decline/>`, inside muc#user.
struct MucInvite {
  bool is_decline = false;
  Jid peer;  ///< `to` on its way to the room, `from` behind it
  std::string reason, thread;
  bool is_continued = false;

  /// nullopt: the message has neither. bad-request or jid-malformed.
  static Parsed<std::vector<MucInvite>> parse(const Element& message);
};

/// §10.9, `<destroy/>`.
struct MucDestroy {
  std::optional<Jid> alternate;
  std::string password, reason;

  static Parsed<MucDestroy> parse(const Element& destroy);
  void add_to(Element& parent) const;
};

}  // namespace rookery::xmpp
