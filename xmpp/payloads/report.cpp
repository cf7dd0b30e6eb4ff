#include "xmpp/payloads/report.h"

#include "xmpp/namespaces.h"

namespace rookery::xmpp {

Parsed<AbuseReport> AbuseReport::parse(const Element& element) {
  AbuseReport report;
  report.reason = std::string(element.attr("reason"));
  // §3: MUST include a reason
  if (!element.is("report", ns::reporting) || report.reason.empty())
    return refuse(Condition::bad_request, "a report needs a reason");
  bool has_text = false;
  for (const Element& child : element.elements()) {
    if (child.is("stanza-id", ns::sid))
      report.stanza_ids.push_back({std::string(child.attr("by")), std::string(child.attr("id"))});
    if (child.is("report-origin", ns::reporting)) report.to_origin = true;
    if (child.is("third-party", ns::reporting)) report.to_third_parties = true;
    if (child.is("text", ns::reporting) && !has_text) {
      has_text = true;
      report.text = child.text();
    }
  }
  const bool too_long = report.stanza_ids.size() > most_stanza_ids || report.text.size() > most_text_bytes ||
                        report.reason.size() > most_reason_bytes;
  if (too_long) return refuse(Condition::not_acceptable, "the report is too long");
  for (const auto& [by, id] : report.stanza_ids) {
    if (by.size() > 3071 || id.size() > 1023)
      return refuse(Condition::not_acceptable, "the report has a stanza-id that is too long");
  }
  return report;
}

void AbuseReport::add_to(Element& item) const {
  Element& element = item.add("report", ns::reporting);
  element.set_attr("reason", reason);
  for (const auto& [by, id] : stanza_ids) element.add("stanza-id", ns::sid).set_attr("by", by).set_attr("id", id);
  if (!text.empty()) element.add_text_child("text", text);
  if (to_origin) element.add("report-origin");
  if (to_third_parties) element.add("third-party");
}

}  // namespace rookery::xmpp
