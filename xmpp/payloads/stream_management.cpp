#include "xmpp/payloads/stream_management.h"

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

Parsed<uint32_t> parse_handled(const Element& element) {
  const auto handled = parse_uint32(element.attr("h"));
  if (!handled) return refuse(Condition::bad_request, "h is no number below 2^32");
  return *handled;
}

Parsed<std::optional<uint32_t>> parse_max(const Element& element) {
  if (!element.has_attr("max")) return std::nullopt;
  const auto max = parse_uint32(element.attr("max"));
  if (!max) return refuse(Condition::bad_request, "max is no number");
  return max;
}

Parsed<SmElement> parse_enable(const Element& element) {
  const auto resume = parse_boolean_attribute(element, "resume");
  if (!resume) return std::unexpected(resume.error());
  const auto max = parse_max(element);
  if (!max) return std::unexpected(max.error());
  return SmEnable{*resume, *max};
}

Parsed<SmElement> parse_enabled(const Element& element) {
  const auto resume = parse_boolean_attribute(element, "resume");
  if (!resume) return std::unexpected(resume.error());
  const auto max = parse_max(element);
  if (!max) return std::unexpected(max.error());
  if (*resume && element.attr("id").empty()) return refuse(Condition::bad_request, "resumption without an id");
  return SmEnabled{std::string(element.attr("id")), *resume, *max, std::string(element.attr("location"))};
}

template <typename T>
Parsed<SmElement> parse_resumption(const Element& element) {
  const auto handled = parse_handled(element);
  if (!handled) return std::unexpected(handled.error());
  if (element.attr("previd").empty()) return refuse(Condition::bad_request, "previd is missing");
  return T{*handled, std::string(element.attr("previd"))};
}

Parsed<SmElement> parse_failed(const Element& element) {
  SmFailed failed;
  if (element.has_attr("h")) {
    const auto handled = parse_handled(element);
    if (!handled) return std::unexpected(handled.error());
    failed.handled = *handled;
  }
  for (const Element& child : element.elements())
    if (child.ns() == ns::stanza_errors)
      if (const auto condition = parse_condition(child.name())) failed.condition = *condition;
  return failed;
}

struct Writer {
  Element& element;

  void operator()(const SmEnable& enable) const {
    if (enable.resume) element.set_attr("resume", "true");
    if (enable.max_seconds) element.set_attr("max", std::to_string(*enable.max_seconds));
  }
  void operator()(const SmEnabled& enabled) const {
    if (!enabled.id.empty()) element.set_attr("id", enabled.id);
    if (enabled.resume) element.set_attr("resume", "true");
    if (enabled.max_seconds) element.set_attr("max", std::to_string(*enabled.max_seconds));
    if (!enabled.location.empty()) element.set_attr("location", enabled.location);
  }
  void operator()(const SmResume& resume) const { write_resumption(resume.handled, resume.previous_id); }
  void operator()(const SmResumed& resumed) const { write_resumption(resumed.handled, resumed.previous_id); }
  void operator()(const SmFailed& failed) const {
    if (failed.handled) element.set_attr("h", std::to_string(*failed.handled));
    element.add(to_string(failed.condition), ns::stanza_errors);
  }
  void operator()(const SmRequest&) const {}
  void operator()(const SmAnswer& answer) const { element.set_attr("h", std::to_string(answer.handled)); }

 private:
  void write_resumption(uint32_t handled, const std::string& previous_id) const {
    element.set_attr("h", std::to_string(handled)).set_attr("previd", previous_id);
  }
};

std::string_view name_of(const SmElement& element) {
  constexpr std::string_view names[] = {"enable", "enabled", "resume", "resumed", "failed", "r", "a"};
  static_assert(std::size(names) == std::variant_size_v<SmElement>);
  return names[element.index()];
}

}  // namespace

Parsed<SmElement> parse_stream_management(const Element& element) {
  const auto name = element.name();
  if (element.ns() != ns::sm) return refuse(Condition::bad_request, "not stream management");
  if (name == "r") return SmRequest{};
  if (name == "a") {
    const auto handled = parse_handled(element);
    if (!handled) return std::unexpected(handled.error());
    return SmAnswer{*handled};
  }
  if (name == "enable") return parse_enable(element);
  if (name == "enabled") return parse_enabled(element);
  if (name == "resume") return parse_resumption<SmResume>(element);
  if (name == "resumed") return parse_resumption<SmResumed>(element);
  if (name == "failed") return parse_failed(element);
  return refuse(Condition::bad_request, "unknown stream management element");
}

ElementPtr to_element(const SmElement& element) {
  auto root = Element::make(name_of(element), ns::sm);
  std::visit(Writer{*root}, element);
  return root;
}

void add_to(Element& parent, const SmElement& element) {
  std::visit(Writer{parent.add(name_of(element), ns::sm)}, element);
}

void add_handled_count_too_high(Element& error, uint32_t handled, uint32_t sent) {
  error.add("handled-count-too-high", ns::sm)
      .set_attr("h", std::to_string(handled))
      .set_attr("send-count", std::to_string(sent));
}

}  // namespace rookery::xmpp
