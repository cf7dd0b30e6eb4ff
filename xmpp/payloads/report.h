// A report of spam or abuse, part of a block: XEP-0377.
#pragma once

#include <string>
#include <vector>

#include "xmpp/payloads/payload.h"

namespace rookery::xmpp {

struct AbuseReport {
  static constexpr size_t most_stanza_ids = 100, most_text_bytes = 4096, most_reason_bytes = 256;
  struct StanzaId {
    std::string by, id;
    bool operator==(const StanzaId&) const = default;
  };

  std::string reason;  ///< urn:xmpp:reporting:spam, urn:xmpp:reporting:abuse or another
  std::vector<StanzaId> stanza_ids;
  std::string text;                                  ///< of the user; of several languages the first
  bool to_origin = false, to_third_parties = false;  ///< §4: may be forwarded there

  /// A `<report/>`; bad-request without a reason, not-acceptable when it is longer than the limits above.
  static Parsed<AbuseReport> parse(const Element& element);
  void add_to(Element& item) const;
  bool operator==(const AbuseReport&) const = default;
};

}  // namespace rookery::xmpp
