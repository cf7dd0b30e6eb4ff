// RFC 6121 §2: the roster and its pushes.
#include <array>

#include "crypto/random.h"
#include "server/home/home.h"
#include "server/home/homes.h"
#include "server/log.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

std::string_view to_string(storage::RosterItem::Subscription subscription) {
  constexpr std::array<std::string_view, 4> names = {"none", "to", "from", "both"};
  return names[static_cast<size_t>(subscription)];
}

}  // namespace

const storage::RosterItem* Home::contact(const xmpp::Jid& bare) const {
  const auto found = roster_.find(bare);
  return found == roster_.end() ? nullptr : &found->second;
}

bool Home::may_see_presence(const xmpp::Jid& contact_jid) const {
  const auto* item = contact(contact_jid.bare());
  if (item == nullptr) return false;
  return item->subscription == storage::RosterItem::Subscription::from ||
         item->subscription == storage::RosterItem::Subscription::both;
}

bool Home::is_contact(const xmpp::Jid& jid) const {
  const auto* item = contact(jid.bare());
  if (item == nullptr) return false;
  return item->subscription == storage::RosterItem::Subscription::to ||
         item->subscription == storage::RosterItem::Subscription::both;
}

void Home::put_contact(storage::RosterItem item, Job then) {
  if (item.in_roster) ++roster_version_;
  roster_[item.jid] = item;
  ++loads_pending_;
  node().stores().run(
      [owner = jid_, item, version = roster_version_](storage::Stores& stores) {
        return stores.rosters().put(owner, item, version);
      },
      [this, item, then = std::move(then)](Status stored) mutable {
        --loads_pending_;
        if (!stored) log::error("roster_not_stored", {{"jid", jid_.text()}, {"error", stored.error().message}});
        if (item.in_roster) push_roster(item, false);
        if (then) then();
      });
}

void Home::drop_contact(const xmpp::Jid& bare, Job then) {
  const auto found = roster_.find(bare);
  if (found == roster_.end()) return then ? then() : void();
  storage::RosterItem item = std::move(found->second);
  roster_.erase(found);
  if (item.in_roster) ++roster_version_;
  ++loads_pending_;
  node().stores().run(
      [owner = jid_, bare, version = roster_version_](storage::Stores& stores) {
        return stores.rosters().remove(owner, bare, version);
      },
      [this, item, then = std::move(then)](Status stored) mutable {
        --loads_pending_;
        if (!stored) log::error("roster_not_stored", {{"jid", jid_.text()}, {"error", stored.error().message}});
        if (item.in_roster) push_roster(item, true);
        if (then) then();
      });
}

void Home::push_roster(const storage::RosterItem& item, bool removed) {
  auto push = xmpp::Element::make("iq", xmpp::ns::client);
  push->set_attr("type", "set").set_attr("id", crypto::random_token());
  auto& query = push->add("query", xmpp::ns::roster);
  query.set_attr("ver", std::to_string(roster_version_));
  auto& element = query.add("item");
  element.set_attr("jid", item.jid.text());
  if (removed) {
    element.set_attr("subscription", "remove");
  } else {
    element.set_attr("subscription", to_string(item.subscription));
    if (!item.name.empty()) element.set_attr("name", item.name);
    if (item.ask) element.set_attr("ask", "subscribe");
    if (item.approved) element.set_attr("approved", "true");
    for (const auto& group : item.groups) element.add_text_child("group", group);
  }
  for (Session* session : sessions()) {
    if (!session->interested) continue;
    push->set_attr("to", session->jid().text());
    session->send(*push);
  }
}

void Home::remove_contact(const xmpp::Jid& bare) {
  const auto* item = contact(bare);
  if (item == nullptr) return;
  using Subscription = storage::RosterItem::Subscription;
  const auto subscription = item->subscription;
  // RFC 6121 §2.5.2: the contact learns that both directions have ended.
  if (subscription == Subscription::to || subscription == Subscription::both || item->ask) route_presence("unsubscribe", jid_, bare);
  if (subscription == Subscription::from || subscription == Subscription::both) {
    route_presence("unsubscribed", jid_, bare);
    send_unavailable_of_all(bare);
  }
  if (!item->request.empty()) route_presence("unsubscribed", jid_, bare);
}

}  // namespace rookery::server
