#include "xmpp/payloads/payload.h"

#include <charconv>

namespace rookery::xmpp {

std::unexpected<StanzaError> refuse(Condition condition, std::string text, std::string_view application_name,
                                    std::string_view application_ns) {
  StanzaError error;
  error.condition = condition;
  error.text = std::move(text);
  error.application_name = application_name;
  error.application_ns = application_ns;
  return std::unexpected(std::move(error));
}

std::optional<bool> parse_boolean(std::string_view text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return std::nullopt;
}

std::optional<uint64_t> parse_unsigned(std::string_view text, uint64_t highest) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > highest) return std::nullopt;
  return value;
}

std::optional<uint32_t> parse_uint32(std::string_view text) {
  const auto value = parse_unsigned(text, std::numeric_limits<uint32_t>::max());
  if (!value) return std::nullopt;
  return static_cast<uint32_t>(*value);
}

Parsed<Jid> parse_jid_attribute(const Element& element, std::string_view name) {
  if (!element.has_attr(name))
    return refuse(Condition::bad_request, "the attribute " + std::string(name) + " is missing");
  auto jid = Jid::parse(element.attr(name));
  if (!jid) return refuse(Condition::jid_malformed, jid.error().message);
  return std::move(*jid);
}

Parsed<bool> parse_boolean_attribute(const Element& element, std::string_view name) {
  if (!element.has_attr(name)) return false;
  const auto value = parse_boolean(element.attr(name));
  if (!value) return refuse(Condition::bad_request, "the attribute " + std::string(name) + " is no boolean");
  return *value;
}

std::optional<Condition> parse_condition(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Condition::unexpected_request); ++i)
    if (to_string(static_cast<Condition>(i)) == name) return static_cast<Condition>(i);
  return std::nullopt;
}

}  // namespace rookery::xmpp
