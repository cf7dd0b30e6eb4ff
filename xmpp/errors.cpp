#include "xmpp/errors.h"

#include <algorithm>
#include <array>
#include <utility>

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

struct ConditionRow {
  std::string_view name;
  ErrorType type;
};

/// In the order of the enumeration; the types are those of RFC 6120 §8.3.3.
constexpr std::array kConditions = {
    ConditionRow{"bad-request", ErrorType::modify},
    ConditionRow{"conflict", ErrorType::cancel},
    ConditionRow{"feature-not-implemented", ErrorType::cancel},
    ConditionRow{"forbidden", ErrorType::auth},
    ConditionRow{"gone", ErrorType::cancel},
    ConditionRow{"internal-server-error", ErrorType::cancel},
    ConditionRow{"item-not-found", ErrorType::cancel},
    ConditionRow{"jid-malformed", ErrorType::modify},
    ConditionRow{"not-acceptable", ErrorType::modify},
    ConditionRow{"not-allowed", ErrorType::cancel},
    ConditionRow{"not-authorized", ErrorType::auth},
    ConditionRow{"policy-violation", ErrorType::modify},
    ConditionRow{"recipient-unavailable", ErrorType::wait},
    ConditionRow{"redirect", ErrorType::modify},
    ConditionRow{"registration-required", ErrorType::auth},
    ConditionRow{"remote-server-not-found", ErrorType::cancel},
    ConditionRow{"remote-server-timeout", ErrorType::wait},
    ConditionRow{"resource-constraint", ErrorType::wait},
    ConditionRow{"service-unavailable", ErrorType::cancel},
    ConditionRow{"subscription-required", ErrorType::auth},
    ConditionRow{"undefined-condition", ErrorType::cancel},
    ConditionRow{"unexpected-request", ErrorType::wait},
};
static_assert(kConditions.size() == static_cast<size_t>(Condition::unexpected_request) + 1);

constexpr std::array<std::string_view, 24> kStreamConditions = {
    "bad-format",
    "bad-namespace-prefix",
    "conflict",
    "connection-timeout",
    "host-gone",
    "host-unknown",
    "improper-addressing",
    "internal-server-error",
    "invalid-from",
    "invalid-namespace",
    "invalid-xml",
    "not-authorized",
    "not-well-formed",
    "policy-violation",
    "remote-connection-failed",
    "reset",
    "resource-constraint",
    "restricted-xml",
    "see-other-host",
    "system-shutdown",
    "undefined-condition",
    "unsupported-encoding",
    "unsupported-stanza-type",
    "unsupported-version",
};
static_assert(kStreamConditions.size() == static_cast<size_t>(StreamCondition::unsupported_version) + 1);

constexpr std::array<std::string_view, 5> kTypes = {"auth", "cancel", "continue", "modify", "wait"};

std::optional<ErrorType> parse_type(std::string_view text) {
  for (size_t i = 0; i < kTypes.size(); ++i) {
    if (kTypes[i] == text) return static_cast<ErrorType>(i);
  }
  return std::nullopt;
}

ElementPtr reply(const Element& stanza, std::string_view type) {
  auto answer = Element::make(stanza.name(), stanza.ns());
  answer->set_attr("type", type);
  if (stanza.has_attr("id")) answer->set_attr("id", stanza.attr("id"));
  if (stanza.has_attr("from")) answer->set_attr("to", stanza.attr("from"));
  if (stanza.has_attr("to")) answer->set_attr("from", stanza.attr("to"));
  return answer;
}

}  // namespace

std::string_view to_string(Condition condition) { return kConditions[static_cast<size_t>(condition)].name; }
Condition condition_named(std::string_view text) {
  for (size_t i = 0; i < kConditions.size(); ++i) {
    if (kConditions[i].name == text) return static_cast<Condition>(i);
  }
  return Condition::undefined_condition;
}

StreamCondition stream_condition_named(std::string_view text) {
  const auto found = std::ranges::find(kStreamConditions, text);
  return found == kStreamConditions.end() ? StreamCondition::undefined_condition
                                          : static_cast<StreamCondition>(found - kStreamConditions.begin());
}

ErrorType default_type(Condition condition) { return kConditions[static_cast<size_t>(condition)].type; }
std::string_view to_string(StreamCondition condition) { return kStreamConditions[static_cast<size_t>(condition)]; }

std::optional<StanzaError> StanzaError::parse(const Element& stanza) {
  const Element* error = stanza.child("error", stanza.ns());
  if (!error) return std::nullopt;
  StanzaError parsed;
  parsed.type = parse_type(error->attr("type"));
  bool has_condition = false;
  for (const Element& child : error->elements()) {
    if (child.ns() == ns::stanza_errors) {
      if (child.name() == "text") {
        parsed.text = child.text();
      } else if (!std::exchange(has_condition, true)) {
        parsed.condition = condition_named(child.name());
      }
    } else if (parsed.application_name.empty()) {
      parsed.application_name = child.name();
      parsed.application_ns = child.ns();
      parsed.application_feature = child.attr("feature");
    }
  }
  return parsed;
}

void StanzaError::add_to(Element& stanza) const {
  Element& error = stanza.add("error");
  error.set_attr("type", kTypes[static_cast<size_t>(type.value_or(default_type(condition)))]);
  error.add(to_string(condition), ns::stanza_errors);
  if (!text.empty()) error.add("text", ns::stanza_errors).set_attr("xml:lang", "en").add_text(text);
  if (application_name.empty()) return;
  auto& application = error.add(application_name, application_ns);
  if (!application_feature.empty()) application.set_attr("feature", application_feature);
}

ElementPtr error_reply(const Element& stanza, const StanzaError& error) {
  auto answer = reply(stanza, "error");
  // XEP-0045 §7.2.6 to §7.2.10: a refused entry is told from other presence errors by this; slixmpp waits for it.
  if (stanza.name() == "presence" && stanza.child("x", ns::muc) != nullptr) answer->add("x", ns::muc);
  error.add_to(*answer);
  return answer;
}

ElementPtr result_reply(const Element& request) { return reply(request, "result"); }

std::string StreamError::to_xml() const {
  const auto name = to_string(condition);
  std::string out = "<stream:error><";
  out.append(name).append(" xmlns='").append(ns::stream_errors).append("'/>");
  if (!text.empty()) {
    out.append("<text xmlns='").append(ns::stream_errors).append("' xml:lang='en'>");
    append_escaped(out, text);
    out.append("</text>");
  }
  return out.append(application).append("</stream:error>");
}

}  // namespace rookery::xmpp
