// Blocking Command, XEP-0191.
#pragma once

#include <utility>
#include <vector>

#include "xmpp/payloads/payload.h"
#include "xmpp/payloads/report.h"

namespace rookery::xmpp {

struct Blocking {
  enum class Kind { list, block, unblock };
  Kind kind = Kind::list;
  std::vector<Jid> jids;                                  ///< unblock without any means all, §3.4
  std::vector<std::pair<Jid, AbuseReport>> reports = {};  ///< XEP-0377: of a block; add_to() does not write them

  /// `<blocklist/>`, `<block/>` or `<unblock/>`; bad-request for a block without items, jid-malformed;
  /// what AbuseReport::parse() says of a report.
  static Parsed<Blocking> parse(const Element& element);
  void add_to(Element& iq) const;
  bool operator==(const Blocking&) const = default;
};

/// The error of §3.2 for what a user sends to a contact that is blocked: not-acceptable with `<blocked/>`.
StanzaError blocked_error();

}  // namespace rookery::xmpp
