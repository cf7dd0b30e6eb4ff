// RFC 6121 §2: roster requests. What a roster is, and its pushes: server/home/roster.cpp.
#include "xmpp/payloads/roster.h"

#include <algorithm>

#include "server/access.h"
#include "server/features/features.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

constexpr size_t longest_name_bytes = 1023;
constexpr size_t most_item_bytes = 4096;  // name and groups of one contact

void answer_roster(IqRequest request, const xmpp::RosterQuery& query) {
  Home* home = request.home();
  if (home == nullptr) return;  // the account has gone, and who asked with it
  if (Session* session = request.session()) session->interested = true;
  const std::string version = std::to_string(home->roster_version());
  // §2.6.3: what the client has cached is current.
  if (query.version == version) return request.reply();
  xmpp::RosterQuery answer;
  if (query.version) answer.version = version;
  for (const Contact contact : home->contacts().each()) {
    const auto item = contact.item();
    if (item.in_roster) answer.entries.push_back(to_entry(item));
  }
  auto result = request.make_result();
  answer.add_to(*result);
  request.reply(std::move(result));
}

void get_roster(IqRequest request) {
  if (refused_to_others(request)) return;
  auto query = xmpp::RosterQuery::parse(request.payload());
  if (!query) return request.fail(query.error());
  Home& home = *request.home();
  home.when_roster_stored([request = std::move(request), query = std::move(*query)]() mutable {
    answer_roster(std::move(request), query);
  });
}

Home::Stored answer_when_stored(IqRequest request) {
  return [request = std::move(request)](const Status& stored) mutable {
    return stored ? request.reply() : request.fail(stored.error());
  };
}

void remove_item(IqRequest request, const xmpp::Jid& contact) {
  Home& home = *request.home();
  const auto item = home.contact(contact.text());
  // §2.5.3
  if (!item || !item->in_roster) return request.fail(xmpp::Condition::item_not_found);
  home.remove_contact(contact);
  home.drop_contact(contact, answer_when_stored(std::move(request)));
}

void set_roster(IqRequest request) {
  if (refused_to_others(request)) return;
  auto entry = xmpp::RosterQuery::parse_set(request.payload());
  if (!entry) return request.fail(entry.error());
  if (!entry->jid.is_bare()) return request.fail(xmpp::Condition::bad_request, "a contact has a bare JID");
  if (entry->subscription == xmpp::RosterEntry::Subscription::remove)
    return remove_item(std::move(request), entry->jid);
  if (entry->jid == request.to())
    return request.fail(xmpp::Condition::not_allowed, "an account is no contact of its own");
  // §2.3.3
  const auto is_too_long = [](const std::string& text) { return text.size() > longest_name_bytes; };
  if (is_too_long(entry->name) || std::ranges::any_of(entry->groups, is_too_long)) {
    return request.fail(xmpp::Condition::not_acceptable, "the name of the contact or of a group is too long");
  }
  size_t bytes = entry->name.size();
  for (const auto& group : entry->groups) bytes += group.size() + 1;
  if (bytes > most_item_bytes) return request.fail(xmpp::Condition::not_acceptable, "a contact is in too many groups");
  Home& home = *request.home();
  const auto known = home.contact(entry->jid.text());
  if (home.is_roster_full_for(entry->jid)) return request.fail(xmpp::Condition::resource_constraint);
  // §2.1.2: name and groups are the client's; the state of the subscription is the server's.
  storage::RosterItem item = known.value_or(storage::RosterItem{});
  item.jid = entry->jid;
  item.name = std::move(entry->name);
  item.groups = std::move(entry->groups);
  item.in_roster = true;
  home.put_contact(std::move(item), answer_when_stored(std::move(request)));
}

}  // namespace

void install_roster(Node&, FeatureRegistry& registry) {
  registry.on_iq(Scope::account, "get", "query", xmpp::ns::roster, get_roster);
  registry.on_iq(Scope::account, "set", "query", xmpp::ns::roster, set_roster);
}

}  // namespace rookery::server
