// Stream Management, XEP-0198.
#pragma once

#include <variant>

#include "xmpp/payloads/payload.h"

namespace rookery::xmpp {

struct SmEnable {
  bool resume = false;
  std::optional<uint32_t> max_seconds;  ///< how long the client would like to be able to resume
  bool operator==(const SmEnable&) const = default;
};
struct SmEnabled {
  std::string id;  ///< needed to resume
  bool resume = false;
  std::optional<uint32_t> max_seconds;
  std::string location;
  bool operator==(const SmEnabled&) const = default;
};
struct SmResume {
  uint32_t handled = 0;
  std::string previous_id;
  bool operator==(const SmResume&) const = default;
};
struct SmResumed {
  uint32_t handled = 0;
  std::string previous_id;
  bool operator==(const SmResumed&) const = default;
};
struct SmFailed {
  Condition condition = Condition::undefined_condition;
  std::optional<uint32_t> handled;
  bool operator==(const SmFailed&) const = default;
};
struct SmRequest {  ///< `<r/>`
  bool operator==(const SmRequest&) const = default;
};
struct SmAnswer {  ///< `<a/>`
  uint32_t handled = 0;
  bool operator==(const SmAnswer&) const = default;
};

using SmElement = std::variant<SmEnable, SmEnabled, SmResume, SmResumed, SmFailed, SmRequest, SmAnswer>;

/// Any top-level element of namespace urn:xmpp:sm:3; bad-request for missing or malformed attributes, and for names
/// that do not exist.
Parsed<SmElement> parse_stream_management(const Element& element);
ElementPtr to_element(const SmElement& element);
/// The same as a child, for SASL2 and Bind2.
void add_to(Element& parent, const SmElement& element);

/// `<handled-count-too-high/>`, the application-specific part of the stream error of §6.
void add_handled_count_too_high(Element& error, uint32_t handled, uint32_t sent);

}  // namespace rookery::xmpp
