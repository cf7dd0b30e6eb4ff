// Blocking Command, XEP-0191.
#pragma once

#include <vector>

#include "xmpp/payloads/payload.h"

namespace rookery::xmpp {

struct Blocking {
  enum class Kind { list, block, unblock };
  Kind kind = Kind::list;
  std::vector<Jid> jids;  ///< unblock without any means all, §3.4

  /// `<blocklist/>`, `<block/>` or `<unblock/>`; bad-request for a block without items, jid-malformed.
  static Parsed<Blocking> parse(const Element& element);
  void add_to(Element& iq) const;
  bool operator==(const Blocking&) const = default;
};

/// The error of §3.2 for what a user sends to a contact that is blocked: not-acceptable with `<blocked/>`.
StanzaError blocked_error();

}  // namespace rookery::xmpp
