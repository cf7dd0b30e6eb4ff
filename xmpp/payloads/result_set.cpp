#include "xmpp/payloads/result_set.h"

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

std::optional<std::string> optional_text(const Element& set, std::string_view name) {
  const Element* child = set.child(name, ns::rsm);
  if (!child) return std::nullopt;
  return child->text();
}

Parsed<std::optional<uint32_t>> optional_number(const Element& set, std::string_view name) {
  const auto text = optional_text(set, name);
  if (!text) return std::nullopt;
  const auto number = parse_uint32(*text);
  if (!number) return refuse(Condition::bad_request, "the result set's " + std::string(name) + " is no number");
  return number;
}

}  // namespace

Parsed<RsmRequest> RsmRequest::parse(const Element& set) {
  const auto max = optional_number(set, "max");
  if (!max) return std::unexpected(max.error());
  const auto index = optional_number(set, "index");
  if (!index) return std::unexpected(index.error());
  auto after = optional_text(set, "after");
  // Only <before/> has a meaning when it is empty; an empty <after/> is what "from the start" means to many clients.
  if (after && after->empty()) after.reset();
  return RsmRequest{*max, std::move(after), optional_text(set, "before"), *index};
}

Parsed<RsmRequest> RsmRequest::parse_child(const Element& query) {
  const Element* set = query.child("set", ns::rsm);
  return set ? parse(*set) : RsmRequest{};
}

void RsmRequest::add_to(Element& query) const {
  Element& set = query.add("set", ns::rsm);
  if (max) set.add_text_child("max", std::to_string(*max));
  if (index) set.add_text_child("index", std::to_string(*index));
  if (after) set.add_text_child("after", *after);
  if (!before) return;
  Element& element = set.add("before");
  if (!before->empty()) element.add_text(*before);
}

Parsed<RsmResult> RsmResult::parse_child(const Element& parent) {
  RsmResult result;
  const Element* set = parent.child("set", ns::rsm);
  if (!set) return result;
  result.last = optional_text(*set, "last");
  if (const Element* first = set->child("first", ns::rsm)) {
    result.first = first->text();
    result.first_index = parse_uint32(first->attr("index"));
    if (first->has_attr("index") && !result.first_index)
      return refuse(Condition::bad_request, "the result set's index is no number");
  }
  if (const auto count = optional_text(*set, "count")) {
    result.count = parse_unsigned(*count);
    if (!result.count) return refuse(Condition::bad_request, "the result set's count is no number");
  }
  return result;
}

void RsmResult::add_to(Element& parent) const {
  Element& set = parent.add("set", ns::rsm);
  if (first) {
    Element& element = set.add("first");
    if (first_index) element.set_attr("index", std::to_string(*first_index));
    element.add_text(*first);
  }
  if (last) set.add_text_child("last", *last);
  if (count) set.add_text_child("count", std::to_string(*count));
}

}  // namespace rookery::xmpp
