#include "xmpp/payloads/disco.h"

#include <algorithm>

#include "xmpp/namespaces.h"

namespace rookery::xmpp {

Parsed<DiscoInfo> DiscoInfo::parse(const Element& query) {
  DiscoInfo info;
  info.node = query.attr("node");
  for (const Element& child : query.elements()) {
    if (child.is("identity", ns::disco_info)) {
      if (child.attr("category").empty() || child.attr("type").empty())
        return refuse(Condition::bad_request, "an identity lacks category or type");
      info.identities.push_back({std::string(child.attr("category")), std::string(child.attr("type")),
                                 std::string(child.attr("name")), std::string(child.attr("xml:lang"))});
    } else if (child.is("feature", ns::disco_info)) {
      if (child.attr("var").empty()) return refuse(Condition::bad_request, "a feature lacks its var");
      info.features.emplace_back(child.attr("var"));
    } else if (child.is("x", ns::data_forms)) {
      if (auto form = DataForm::parse(child)) info.forms.push_back(std::move(*form));
    }
  }
  return info;
}

void DiscoInfo::add_to(Element& iq) const {
  Element& query = iq.add("query", ns::disco_info);
  if (!node.empty()) query.set_attr("node", node);
  for (const auto& identity : identities) {
    Element& element = query.add("identity");
    element.set_attr("category", identity.category).set_attr("type", identity.type);
    if (!identity.name.empty()) element.set_attr("name", identity.name);
    if (!identity.lang.empty()) element.set_attr("xml:lang", identity.lang);
  }
  for (const auto& feature : features) query.add("feature").set_attr("var", feature);
  for (const auto& form : forms) form.add_to(query);
}

bool DiscoInfo::has_feature(std::string_view feature) const {
  return std::ranges::find(features, feature) != features.end();
}

bool DiscoInfo::has_identity(std::string_view category, std::string_view type) const {
  return std::ranges::any_of(identities, [&](const Identity& i) { return i.category == category && i.type == type; });
}

Parsed<DiscoItems> DiscoItems::parse(const Element& query) {
  DiscoItems result;
  result.node = query.attr("node");
  for (const Element& child : query.elements()) {
    if (!child.is("item", ns::disco_items)) continue;
    auto jid = parse_jid_attribute(child, "jid");
    if (!jid) return std::unexpected(jid.error());
    result.items.push_back({std::move(*jid), std::string(child.attr("node")), std::string(child.attr("name"))});
  }
  if (!query.child("set", ns::rsm)) return result;
  auto page = RsmResult::parse_child(query);
  if (!page) return std::unexpected(page.error());
  result.page = std::move(*page);
  return result;
}

void DiscoItems::add_to(Element& iq) const {
  Element& query = iq.add("query", ns::disco_items);
  if (!node.empty()) query.set_attr("node", node);
  for (const auto& item : items) {
    Element& element = query.add("item");
    element.set_attr("jid", item.jid.text());
    if (!item.node.empty()) element.set_attr("node", item.node);
    if (!item.name.empty()) element.set_attr("name", item.name);
  }
  if (page) page->add_to(query);
}

}  // namespace rookery::xmpp
