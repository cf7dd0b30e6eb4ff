#include "xmpp/payloads/roster.h"

#include <algorithm>

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

constexpr std::string_view subscription_names[] = {"none", "to", "from", "both", "remove"};

Parsed<std::vector<std::string>> parse_groups(const Element& item) {
  std::vector<std::string> groups;
  for (const Element& child : item.elements()) {
    if (!child.is("group", ns::roster)) continue;
    auto group = child.text();
    if (group.empty()) return refuse(Condition::not_acceptable, "a group's name is empty");
    if (std::ranges::find(groups, group) != groups.end())
      return refuse(Condition::bad_request, "a group is given twice");
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace

std::string_view to_string(RosterEntry::Subscription subscription) {
  return subscription_names[static_cast<size_t>(subscription)];
}

Parsed<RosterEntry> RosterEntry::parse(const Element& item) {
  RosterEntry entry;
  auto jid = parse_jid_attribute(item, "jid");
  if (!jid) return std::unexpected(jid.error());
  entry.jid = std::move(*jid);
  entry.name = item.attr("name");

  if (item.has_attr("subscription")) {
    const auto* name = std::ranges::find(subscription_names, item.attr("subscription"));
    if (name == std::end(subscription_names)) return refuse(Condition::bad_request, "unknown subscription");
    entry.subscription = static_cast<Subscription>(name - std::begin(subscription_names));
  }
  if (item.has_attr("ask") && item.attr("ask") != "subscribe") return refuse(Condition::bad_request, "unknown ask");
  entry.ask = item.has_attr("ask");
  const auto approved = parse_boolean_attribute(item, "approved");
  if (!approved) return std::unexpected(approved.error());
  entry.approved = *approved;

  auto groups = parse_groups(item);
  if (!groups) return std::unexpected(groups.error());
  entry.groups = std::move(*groups);
  return entry;
}

void RosterEntry::add_to(Element& query) const {
  Element& item = query.add("item", ns::roster);
  item.set_attr("jid", jid.text());
  if (!name.empty()) item.set_attr("name", name);
  item.set_attr("subscription", to_string(subscription));
  if (ask) item.set_attr("ask", "subscribe");
  if (approved) item.set_attr("approved", "true");
  for (const auto& group : groups) item.add_text_child("group", group);
}

Parsed<RosterQuery> RosterQuery::parse(const Element& query) {
  RosterQuery result;
  if (query.has_attr("ver")) result.version = std::string(query.attr("ver"));
  for (const Element& child : query.elements()) {
    if (!child.is("item", ns::roster)) continue;
    auto entry = RosterEntry::parse(child);
    if (!entry) return std::unexpected(entry.error());
    result.entries.push_back(std::move(*entry));
  }
  return result;
}

Parsed<RosterEntry> RosterQuery::parse_set(const Element& query) {
  auto parsed = parse(query);
  if (!parsed) return std::unexpected(parsed.error());
  if (parsed->entries.size() != 1) return refuse(Condition::bad_request, "a roster set has exactly one item");
  return std::move(parsed->entries.front());
}

void RosterQuery::add_to(Element& iq) const {
  Element& query = iq.add("query", ns::roster);
  if (version) query.set_attr("ver", *version);
  for (const auto& entry : entries) entry.add_to(query);
}

}  // namespace rookery::xmpp
