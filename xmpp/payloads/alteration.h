// What a message does to an earlier one of its author: Last Message Correction (XEP-0308), Message Retraction
// (XEP-0424).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "xmpp/payloads/payload.h"

namespace rookery::xmpp {

namespace ns {
inline constexpr std::string_view message_correct = "urn:xmpp:message-correct:0";  // XEP-0308
inline constexpr std::string_view fallback = "urn:xmpp:fallback:0";                // XEP-0428
}  // namespace ns

struct Alteration {
  enum class Kind : uint8_t { correction, retraction };
  Kind kind = Kind::correction;
  std::string id;  ///< of the original: its stanza's id attribute (XEP-0308 §3, XEP-0424 §5.1)

  /// From a message, or from the content of an envelope (XEP-0420); nullopt when there is none, or one without an id.
  static std::optional<Alteration> find(const Element& parent);
  void add_to(Element& parent) const;
  bool operator==(const Alteration&) const = default;
};

}  // namespace rookery::xmpp
