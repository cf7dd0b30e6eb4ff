// RFC 6121 §2: the client's side of the roster.
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "server/feature.h"
#include "server/features/features.h"
#include "server/home/home.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

constexpr size_t most_contacts = 5000;
constexpr size_t most_name_bytes = 1023;

void write_item(xmpp::Element& query, const storage::RosterItem& item) {
  constexpr std::array<std::string_view, 4> names = {"none", "to", "from", "both"};
  auto& element = query.add("item");
  element.set_attr("jid", item.jid.text()).set_attr("subscription", names[static_cast<size_t>(item.subscription)]);
  if (!item.name.empty()) element.set_attr("name", item.name);
  if (item.ask) element.set_attr("ask", "subscribe");
  if (item.approved) element.set_attr("approved", "true");
  for (const auto& group : item.groups) element.add_text_child("group", group);
}

void get_roster(IqRequest request) {
  Home* home = request.home();
  Session* session = request.session();
  if (!request.is_own_account() || home == nullptr) return request.fail(xmpp::Condition::forbidden);
  if (session != nullptr) session->interested = true;
  const auto version = std::to_string(home->roster_version());
  auto result = request.make_result();
  // RFC 6121 §2.6.3: nothing has changed since the version that the client has.
  if (request.payload().has_attr("ver") && request.payload().attr("ver") == version) return request.reply(std::move(result));
  auto& query = result->add("query", xmpp::ns::roster);
  query.set_attr("ver", version);
  for (const auto& [jid, item] : home->roster()) {
    if (item.in_roster) write_item(query, item);
  }
  request.reply(std::move(result));
}

// RFC 6121 §2.3.3 lists the errors.
void set_roster(IqRequest request) {
  Home* home = request.home();
  if (!request.is_own_account() || home == nullptr) return request.fail(xmpp::Condition::forbidden);
  const auto* change = request.payload().first_element();
  if (change == nullptr || change->name() != "item" || change->next_element() != nullptr) {
    return request.fail(xmpp::Condition::bad_request);
  }
  const auto parsed = xmpp::Jid::parse(change->attr("jid"));
  if (!parsed) return request.fail(xmpp::Condition::jid_malformed);
  const xmpp::Jid jid = parsed->bare();
  if (jid == home->jid()) return request.fail(xmpp::Condition::not_allowed);
  const auto* known = home->contact(jid);
  const auto subscription = change->attr("subscription");
  const auto answer = std::make_shared<IqRequest>(std::move(request));
  const auto reply = [answer] { answer->reply(); };
  if (subscription == "remove") {
    if (known == nullptr || !known->in_roster) {
      return answer->fail(xmpp::Condition::item_not_found);
    }
    home->remove_contact(jid);
    return home->drop_contact(jid, reply);
  }
  storage::RosterItem item = known != nullptr ? *known : storage::RosterItem{.jid = jid};
  item.in_roster = true;
  item.name = std::string(change->attr("name"));
  item.groups.clear();
  for (const auto& group : change->elements()) {
    if (group.name() == "group") item.groups.push_back(group.text());
  }
  home->put_contact(std::move(item), reply);
}

/// What is wrong with a roster set, by RFC 6121 §2.3.3; nullopt: nothing.
std::optional<xmpp::Condition> refusal(const IqRequest& request) {
  const auto* change = request.payload().first_element();
  if (change == nullptr) return xmpp::Condition::bad_request;
  Home* home = request.home();
  if (home != nullptr && home->roster().size() >= most_contacts) return xmpp::Condition::resource_constraint;
  if (change->attr("name").size() > most_name_bytes) return xmpp::Condition::not_acceptable;
  std::vector<std::string> groups;
  for (const auto& group : change->elements()) {
    if (group.name() != "group") continue;
    std::string name = group.text();
    if (name.empty() || name.size() > most_name_bytes) return xmpp::Condition::not_acceptable;
    for (const auto& other : groups) {
      if (other == name) return xmpp::Condition::bad_request;
    }
    groups.push_back(std::move(name));
  }
  return std::nullopt;
}

}  // namespace

void install_roster(Node&, FeatureRegistry& registry) {
  registry.on_iq(Scope::account, "get", "query", xmpp::ns::roster, get_roster);
  registry.on_iq(Scope::account, "set", "query", xmpp::ns::roster, [](IqRequest request) {
    if (const auto wrong = refusal(request)) return request.fail(*wrong);
    set_roster(std::move(request));
  });
}

}  // namespace rookery::server
