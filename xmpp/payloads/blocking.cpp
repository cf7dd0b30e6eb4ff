#include "xmpp/payloads/blocking.h"

#include <algorithm>

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

constexpr std::string_view kind_names[] = {"blocklist", "block", "unblock"};

}  // namespace

Parsed<Blocking> Blocking::parse(const Element& element) {
  Blocking result;
  const auto* name = std::ranges::find(kind_names, element.name());
  if (element.ns() != ns::blocking || name == std::end(kind_names))
    return refuse(Condition::bad_request, "not a blocking command");
  result.kind = static_cast<Kind>(name - std::begin(kind_names));
  for (const Element& item : element.elements()) {
    if (!item.is("item", ns::blocking)) continue;
    auto jid = parse_jid_attribute(item, "jid");
    if (!jid) return std::unexpected(jid.error());
    if (const Element* report = item.child("report", ns::reporting); report != nullptr && result.kind == Kind::block) {
      auto parsed = AbuseReport::parse(*report);
      if (!parsed) return std::unexpected(parsed.error());
      result.reports.emplace_back(*jid, std::move(*parsed));
    }
    result.jids.push_back(std::move(*jid));
  }
  if (result.kind == Kind::block && result.jids.empty()) return refuse(Condition::bad_request, "nothing to block");
  return result;
}

void Blocking::add_to(Element& iq) const {
  Element& element = iq.add(kind_names[static_cast<size_t>(kind)], ns::blocking);
  for (const auto& jid : jids) element.add("item").set_attr("jid", jid.text());
}

StanzaError blocked_error() {
  StanzaError error;
  error.condition = Condition::not_acceptable;
  error.type = ErrorType::cancel;
  error.application_name = "blocked";
  error.application_ns = ns::blocking_errors;
  return error;
}

}  // namespace rookery::xmpp
