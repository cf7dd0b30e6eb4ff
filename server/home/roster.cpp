// RFC 6121 §2: the roster and its pushes.
#include "crypto/random.h"
#include "server/home/home.h"
#include "server/home/homes.h"
#include "server/log.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

xmpp::RosterEntry to_entry(const storage::RosterItem& item) {
  return {.jid = item.jid,
          .name = item.name,
          .subscription = static_cast<xmpp::RosterEntry::Subscription>(item.subscription),
          .ask = item.ask,
          .approved = item.approved,
          .groups = item.groups};
}

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

void Home::put_contact(storage::RosterItem item, Stored then) {
  if (item.in_roster) ++roster_version_;
  store_contact(std::move(item), true, std::move(then));
}

void Home::update_contact(storage::RosterItem item) {
  const auto* known = contact(item.jid);
  const bool visible = item.in_roster && (known == nullptr || !known->in_roster || to_entry(*known) != to_entry(item));
  if (visible) return put_contact(std::move(item));
  store_contact(std::move(item), false, {});
}

void Home::store_contact(storage::RosterItem item, bool push, Stored then) {
  roster_[item.jid] = item;
  write_roster(
      [owner = jid_, item, version = roster_version_](storage::Stores& stores) {
        return stores.rosters().put(owner, item, version);
      },
      [this, item, push, then = std::move(then)](const Status& stored) mutable {
        if (push && item.in_roster) push_roster(to_entry(item));
        if (then) then(stored);
      });
}

void Home::drop_contact(const xmpp::Jid& bare, Stored then) {
  const auto found = roster_.find(bare);
  if (found == roster_.end()) return then ? then(Status()) : void();
  const storage::RosterItem item = std::move(found->second);
  roster_.erase(found);
  if (item.in_roster) ++roster_version_;
  write_roster(
      [owner = jid_, bare, version = roster_version_](storage::Stores& stores) {
        return stores.rosters().remove(owner, bare, version);
      },
      [this, bare, push = item.in_roster, then = std::move(then)](const Status& stored) mutable {
        if (push) push_roster({.jid = bare, .subscription = xmpp::RosterEntry::Subscription::remove});
        if (then) then(stored);
      });
}

void Home::write_roster(std::function<Status(storage::Stores&)> work, Stored then) {
  ++loads_pending_;
  node().stores().run(std::move(work), [this, then = std::move(then)](Status stored) mutable {
    --loads_pending_;
    if (!stored) log::error("roster_not_stored", {{"jid", jid_.text()}, {"error", stored.error().message}});
    then(stored);
  });
}

void Home::push_roster(const xmpp::RosterEntry& entry) {
  auto push = xmpp::Element::make("iq", xmpp::ns::client);
  push->set_attr("type", "set").set_attr("id", crypto::random_token());
  xmpp::RosterQuery{.version = std::to_string(roster_version_), .entries = {entry}}.add_to(*push);
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
