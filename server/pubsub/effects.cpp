#include "server/pubsub/effects.h"

#include <set>

#include "server/caps.h"
#include "server/home/home.h"
#include "server/node.h"
#include "server/pubsub/access.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/pubsub/event.h"
#include "xmpp/stream_parser.h"
#include "xmpp/time.h"

namespace rookery::server::pubsub {

namespace wire = xmpp::pubsub;

namespace {

/// Is it a client of ours that is available, or one of a contact who may see our presence?
bool is_reachable(Home& home, const xmpp::Jid& full) {
  if (!full.same_bare(home.jid())) return home.may_see_presence(full) && !home.is_blocked(full);
  const Session* session = home.find(full.resource());
  return session != nullptr && session->available;
}

void add_listeners(Home& home, const Leaf& leaf, std::vector<xmpp::Jid>& targets) {
  std::set<std::string, std::less<>> subscribed;
  for (const auto& target : targets) subscribed.insert(target.text());
  for (auto& full : listeners(home, leaf.name)) {
    // Nobody hears it twice.
    if (subscribed.contains(full.text()) || subscribed.contains(full.bare_text())) continue;
    if (is_reachable(home, full) && may_read(viewer(home, full), leaf, false)) targets.push_back(std::move(full));
  }
}

std::vector<xmpp::Jid> targets_of(const Notice& notice, Home* home) {
  std::vector<xmpp::Jid> targets;
  targets.reserve(notice.subscribers.size());
  for (const auto& one : notice.subscribers) {
    auto jid = xmpp::Jid::parse(one.jid);
    if (!jid) continue;
    // Who may no longer see the account's presence may have lost the node with it.
    if (home != nullptr && (home->is_blocked(*jid) || !may_subscribe(viewer(*home, *jid), notice.leaf))) continue;
    targets.push_back(std::move(*jid));
  }
  if (home != nullptr) add_listeners(*home, notice.leaf, targets);
  return targets;
}

}  // namespace

xmpp::ElementPtr make_message(const Leaf& leaf) {
  auto message = xmpp::Element::make("message", xmpp::ns::client);
  if (leaf.config.notification_type == wire::NotificationType::headline) message->set_attr("type", "headline");
  message->set_attr("from", leaf.owner.text());
  return message;
}

xmpp::ElementPtr make_last_item(const Leaf& leaf, const storage::PubsubItem& item, const xmpp::Jid& to) {
  auto message = make_message(leaf);
  message->set_attr("to", to.text());
  xmpp::ElementPtr payload;
  if (leaf.config.deliver_payloads && !item.payload.empty()) {
    if (auto parsed = xmpp::parse_own(item.payload)) payload = std::move(*parsed);
  }
  wire::add_item(wire::add_items_event(*message, leaf.name), item.id, payload.get());
  message->add("delay", xmpp::ns::delay)
      .set_attr("from", leaf.owner.text())
      .set_attr("stamp",
                xmpp::format_date_time(std::chrono::time_point_cast<std::chrono::microseconds>(item.published)));
  return message;
}

Status add_notice(storage::Stores& stores, const Leaf& leaf, xmpp::ElementPtr message, Effects& effects) {
  if (!leaf.config.deliver_notifications) return {};
  auto subscribers = live_subscriptions(stores.pubsub(), leaf);
  if (!subscribers) return std::unexpected<Error>(subscribers.error());
  // XEP-0060 §14.2. An account's home knows its contacts better, see targets_of().
  if (!leaf.owner.has_local()) {
    if (auto taken = take_unentitled(stores, leaf, *subscribers); !taken) return std::unexpected<Error>(taken.error());
  }
  effects.notices.push_back({leaf, std::move(*subscribers), std::move(message)});
  return {};
}

void tell(Node& node, const xmpp::Jid& owner, Effects effects) {
  Home* home = owner.has_local() ? node.homes().find_loaded(owner) : nullptr;
  if (home != nullptr && effects.avatar) home->set_avatar(*effects.avatar);
  for (auto& message : effects.messages) node.router().send(std::move(message));
  for (auto& notice : effects.notices) {
    if (owner.has_local() && home == nullptr) continue;  // the account went meanwhile
    const bool only_present = notice.leaf.config.presence_based_delivery;
    node.router().fan_out(std::move(notice.message), targets_of(notice, home), only_present);
  }
}

}  // namespace rookery::server::pubsub
