#include "xmpp/payloads/mam.h"

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

Parsed<void> set_time(std::optional<TimePoint>& target, const DataForm::Field& field, std::string_view value) {
  target = parse_date_time(value);
  if (!target) return refuse(Condition::bad_request, field.var + " is no date and time");
  return {};
}

Parsed<void> set_id(std::optional<std::string>& target, const DataForm::Field& field, std::string_view value) {
  if (value.empty()) return refuse(Condition::bad_request, field.var + " is empty");
  target = value;
  return {};
}

Parsed<void> apply_field(MamQuery& query, const DataForm::Field& field) {
  if (field.var == "FORM_TYPE") return {};
  if (field.var == "ids") {
    query.ids = field.values;
    return {};
  }
  const bool known = field.var == "with" || field.var == "start" || field.var == "end" || field.var == "before-id" ||
                     field.var == "after-id" || field.var == "include-groupchat";
  if (!known) return refuse(Condition::feature_not_implemented, "the field " + field.var + " is not supported");
  if (field.values.empty()) return {};
  if (field.values.size() > 1) return refuse(Condition::bad_request, field.var + " has more than one value");
  const std::string& value = field.values.front();
  if (field.var == "start") return set_time(query.start, field, value);
  if (field.var == "end") return set_time(query.end, field, value);
  if (field.var == "before-id") return set_id(query.before_id, field, value);
  if (field.var == "after-id") return set_id(query.after_id, field, value);
  if (field.var == "with") {
    auto with = Jid::parse(value);
    if (!with) return refuse(Condition::jid_malformed, "with: " + with.error().message);
    query.with = std::move(*with);
    return {};
  }
  query.include_groupchat = parse_boolean(value);
  if (!query.include_groupchat) return refuse(Condition::bad_request, "include-groupchat is no boolean");
  return {};
}

void add_end(Element& metadata, std::string_view name, const std::optional<MamMetadata::End>& end) {
  if (!end) return;
  metadata.add(name).set_attr("id", end->id).set_attr("timestamp", format_date_time(end->timestamp));
}

Parsed<std::optional<MamMetadata::End>> parse_end(const Element& metadata, std::string_view name) {
  const Element* element = metadata.child(name, ns::mam);
  if (!element) return std::nullopt;
  const auto time = parse_date_time(element->attr("timestamp"));
  if (!time || element->attr("id").empty()) return refuse(Condition::bad_request, "malformed archive metadata");
  return MamMetadata::End{std::string(element->attr("id")), *time};
}

constexpr std::string_view default_names[] = {"always", "never", "roster"};

Parsed<std::vector<Jid>> parse_jids(const Element& prefs, std::string_view name) {
  std::vector<Jid> jids;
  const Element* list = prefs.child(name, ns::mam);
  if (!list) return jids;
  for (const Element& element : list->elements()) {
    if (!element.is("jid", ns::mam)) continue;
    auto jid = Jid::parse(element.text());
    if (!jid) return refuse(Condition::jid_malformed, jid.error().message);
    jids.push_back(std::move(*jid));
  }
  return jids;
}

}  // namespace

Parsed<MamQuery> MamQuery::parse(const Element& query) {
  MamQuery result;
  result.query_id = query.attr("queryid");
  result.node = query.attr("node");
  result.flip_page = query.child("flip-page", ns::mam) != nullptr;
  auto page = RsmRequest::parse_child(query);
  if (!page) return std::unexpected(page.error());
  result.page = std::move(*page);

  const auto form = DataForm::parse_child(query);
  if (!form) return std::unexpected(form.error());
  if (!*form) return result;
  if ((*form)->type != DataForm::Type::submit || (*form)->form_type() != ns::mam)
    return refuse(Condition::bad_request, "the form is no archive query");
  for (const auto& field : (*form)->fields)
    if (auto applied = apply_field(result, field); !applied) return std::unexpected(applied.error());
  return result;
}

void MamQuery::add_to(Element& iq) const {
  Element& query = iq.add("query", ns::mam);
  if (!query_id.empty()) query.set_attr("queryid", query_id);
  if (!node.empty()) query.set_attr("node", node);
  auto form = DataForm::make(DataForm::Type::submit, ns::mam);
  if (with) form.add("with", with->text());
  if (start) form.add("start", format_date_time(*start));
  if (end) form.add("end", format_date_time(*end));
  if (before_id) form.add("before-id", *before_id);
  if (after_id) form.add("after-id", *after_id);
  if (!ids.empty()) form.add_values("ids", ids);
  if (include_groupchat) form.add("include-groupchat", *include_groupchat ? "true" : "false");
  if (form.fields.size() > 1) form.add_to(query);
  if (!page.empty()) page.add_to(query);
  if (flip_page) query.add("flip-page");
}

void add_mam_fields(Element& iq) {
  auto form = DataForm::make(DataForm::Type::form, ns::mam);
  form.add_values("with", {}, "jid-single");
  for (const auto* name : {"start", "end", "before-id", "after-id"}) form.add_values(name, {}, "text-single");
  form.add_values("include-groupchat", {}, "boolean");
  Element& query = iq.add("query", ns::mam);
  form.add_to(query);
  // §4.1.5: 'ids' is a list that takes any value (XEP-0122), which DataForm does not know.
  Element& ids = query.child("x", ns::data_forms)->add("field");
  ids.set_attr("type", "list-multi").set_attr("var", "ids");
  ids.add("validate", "http://jabber.org/protocol/xdata-validate").set_attr("datatype", "xs:string").add("open");
}

std::optional<MamResult> MamResult::parse(const Element& message) {
  const Element* result = message.child("result", ns::mam);
  if (!result || result->attr("id").empty()) return std::nullopt;
  const Element* inner = result->child("forwarded", ns::forward);
  if (!inner) return std::nullopt;
  const auto forwarded = Forwarded::parse(*inner);
  if (!forwarded) return std::nullopt;
  return MamResult{std::string(result->attr("queryid")), std::string(result->attr("id")), *forwarded};
}

void add_mam_result(Element& message, std::string_view query_id, std::string_view id, const Element& stanza,
                    TimePoint stamp) {
  Element& result = message.add("result", ns::mam);
  if (!query_id.empty()) result.set_attr("queryid", query_id);
  result.set_attr("id", id);
  add_forwarded(result, stanza, stamp);
}

Parsed<MamFin> MamFin::parse(const Element& iq) {
  const Element* element = iq.child("fin", ns::mam);
  if (!element) return refuse(Condition::bad_request, "the answer has no fin");
  const auto complete = parse_boolean_attribute(*element, "complete");
  if (!complete) return std::unexpected(complete.error());
  const auto stable = element->has_attr("stable") ? parse_boolean_attribute(*element, "stable") : Parsed<bool>(true);
  if (!stable) return std::unexpected(stable.error());
  auto page = RsmResult::parse_child(*element);
  if (!page) return std::unexpected(page.error());
  return MamFin{*complete, *stable, std::move(*page)};
}

void MamFin::add_to(Element& iq) const {
  Element& fin = iq.add("fin", ns::mam);
  if (complete) fin.set_attr("complete", "true");
  if (!stable) fin.set_attr("stable", "false");
  page.add_to(fin);
}

Parsed<MamMetadata> MamMetadata::parse(const Element& iq) {
  const Element* metadata = iq.child("metadata", ns::mam);
  if (!metadata) return refuse(Condition::bad_request, "the answer has no metadata");
  auto start = parse_end(*metadata, "start");
  if (!start) return std::unexpected(start.error());
  auto end = parse_end(*metadata, "end");
  if (!end) return std::unexpected(end.error());
  return MamMetadata{std::move(*start), std::move(*end)};
}

void MamMetadata::add_to(Element& iq) const {
  Element& metadata = iq.add("metadata", ns::mam);
  add_end(metadata, "start", start);
  add_end(metadata, "end", end);
}

Parsed<MamPreferences> MamPreferences::parse(const Element& prefs) {
  MamPreferences result;
  size_t i = 0;
  while (i < std::size(default_names) && default_names[i] != prefs.attr("default")) ++i;
  if (i == std::size(default_names))
    return refuse(Condition::bad_request, "the default is not always, never or roster");
  result.by_default = static_cast<Default>(i);
  auto always = parse_jids(prefs, "always");
  if (!always) return std::unexpected(always.error());
  auto never = parse_jids(prefs, "never");
  if (!never) return std::unexpected(never.error());
  result.always = std::move(*always);
  result.never = std::move(*never);
  return result;
}

void MamPreferences::add_to(Element& iq) const {
  Element& prefs = iq.add("prefs", ns::mam);
  prefs.set_attr("default", default_names[static_cast<size_t>(by_default)]);
  Element& always_list = prefs.add("always");
  for (const auto& jid : always) always_list.add_text_child("jid", jid.text());
  Element& never_list = prefs.add("never");
  for (const auto& jid : never) never_list.add_text_child("jid", jid.text());
}

}  // namespace rookery::xmpp
