// What all payloads share: the result of parsing one, and the simple types of attributes and texts.
#pragma once

#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "xmpp/element.h"
#include "xmpp/errors.h"
#include "xmpp/jid.h"

namespace rookery::xmpp {

/// A payload, or what to answer to the peer that sent a malformed one.
template <typename T>
using Parsed = std::expected<T, StanzaError>;

/// `return refuse(Condition::bad_request, "…");`, if need be with an application-specific condition.
std::unexpected<StanzaError> refuse(Condition condition, std::string text, std::string_view application_name = {},
                                    std::string_view application_ns = {});

/// xs:boolean: true, 1, false, 0.
std::optional<bool> parse_boolean(std::string_view text);
/// Decimal digits only.
std::optional<uint64_t> parse_unsigned(std::string_view text, uint64_t highest = std::numeric_limits<uint64_t>::max());
std::optional<uint32_t> parse_uint32(std::string_view text);

/// A required attribute: bad-request when absent, jid-malformed when it is no JID.
Parsed<Jid> parse_jid_attribute(const Element& element, std::string_view name);
/// Absent or false is false; anything but an xs:boolean is bad-request.
Parsed<bool> parse_boolean_attribute(const Element& element, std::string_view name);
/// "item-not-found" and so on.
std::optional<Condition> parse_condition(std::string_view name);

}  // namespace rookery::xmpp
