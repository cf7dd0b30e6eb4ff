// Rosters, RFC 6121 §2.
#pragma once

#include <vector>

#include "xmpp/payloads/payload.h"

namespace rookery::xmpp {

/// `<item/>`, RFC 6121 §2.1.2.
struct RosterEntry {
  enum class Subscription { none, to, from, both, remove };
  Jid jid;
  std::string name;
  Subscription subscription = Subscription::none;
  bool ask = false;  ///< ask='subscribe'
  bool approved = false;
  std::vector<std::string> groups;

  /// bad-request for an unknown subscription or ask and for a group given twice, not-acceptable for an empty group
  /// (§2.3.3), jid-malformed.
  static Parsed<RosterEntry> parse(const Element& item);
  void add_to(Element& query) const;
  bool operator==(const RosterEntry&) const = default;
};
std::string_view to_string(RosterEntry::Subscription subscription);

/// `<query/>`.
struct RosterQuery {
  std::optional<std::string> version;  ///< empty: the client knows versioning but has nothing cached (§2.6.2)
  std::vector<RosterEntry> entries;

  /// A get or a result: any number of items.
  static Parsed<RosterQuery> parse(const Element& query);
  /// A set or a push: exactly one item, else bad-request (§2.1.5).
  static Parsed<RosterEntry> parse_set(const Element& query);
  void add_to(Element& iq) const;
  bool operator==(const RosterQuery&) const = default;
};

}  // namespace rookery::xmpp
