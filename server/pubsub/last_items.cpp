// The last items for one who has just come (XEP-0060 §6.1.7, pubsub#send_last_published_item).
#include "server/home/home.h"
#include "server/node.h"
#include "server/pubsub/access.h"
#include "server/pubsub/effects.h"
#include "server/pubsub/items.h"
#include "server/pubsub/serve.h"

namespace rookery::server::pubsub {

namespace {

struct LastItem {
  Leaf leaf;
  storage::PubsubItem item;
};

/// nullopt when the node has none, or does not send it at presence.
Result<std::optional<LastItem>> read(storage::Stores& stores, const xmpp::Jid& owner, std::string_view name) {
  auto leaf = load(stores.pubsub(), owner, name);
  if (!leaf) return std::unexpected<Error>(leaf.error());
  if (!*leaf || (*leaf)->config.send_last_published_item != xmpp::pubsub::SendLastItem::on_sub_and_presence)
    return std::optional<LastItem>();
  auto item = last_item(stores, owner, name);
  if (!item) return std::unexpected<Error>(item.error());
  if (!*item || !(*leaf)->config.deliver_notifications) return std::optional<LastItem>();
  return std::optional(LastItem{std::move(**leaf), std::move(**item)});
}

Result<std::vector<LastItem>> read_all(storage::Stores& stores, const xmpp::Jid& owner, const Interests& nodes) {
  std::vector<LastItem> found;
  for (const auto& name : nodes) {
    auto last = read(stores, owner, name);
    if (!last) return std::unexpected<Error>(last.error());
    if (*last) found.push_back(std::move(**last));
  }
  return found;
}

Result<std::vector<LastItem>> read_subscribed(storage::Stores& stores, const xmpp::Jid& owner, const xmpp::Jid& full) {
  auto own = stores.pubsub().subscriptions_of(owner, full);
  if (!own) return std::unexpected<Error>(own.error());
  Interests nodes;
  for (const auto& [node, subscription] : *own) {
    const auto options = decode_options(subscription.options);
    const bool is_its = subscription.jid == full.bare_text() || subscription.jid == full.text();
    if (is_its && subscription.state == "subscribed" && options.deliver && options.is_live(now())) nodes.insert(node);
  }
  auto found = read_all(stores, owner, nodes);
  if (!found) return found;
  std::vector<LastItem> admitted;
  for (auto& last : *found) {
    const auto viewer = stored_viewer(stores, last.leaf, full);
    if (!viewer) return std::unexpected<Error>(viewer.error());
    if (may_read(*viewer, last.leaf, true)) admitted.push_back(std::move(last));
  }
  return admitted;
}

bool is_reachable(Home& home, const xmpp::Jid& full) {
  if (!full.same_bare(home.jid())) return home.may_see_presence(full) && !home.is_blocked(full);
  const Session* session = home.find(full.resource());
  return session != nullptr && session->available;
}

}  // namespace

Task<void> send_last_items(Node& server, xmpp::Jid owner, xmpp::Jid full, Interests nodes) {
  auto work = [&](storage::Stores& stores) { return read_all(stores, owner, nodes); };
  auto job = server.stores().run(std::move(work));
  const auto found = co_await job;
  Home* home = server.homes().find_loaded(owner);
  if (!found || home == nullptr || !is_reachable(*home, full)) co_return;
  for (const auto& [leaf, item] : *found) {
    if (may_read(viewer(*home, full), leaf, false)) server.router().send(make_last_item(leaf, item, full));
  }
}

Task<void> send_subscribed_items(Node& server, xmpp::Jid owner, xmpp::Jid full) {
  auto work = [&](storage::Stores& stores) { return read_subscribed(stores, owner, full); };
  auto job = server.stores().run(std::move(work));
  const auto found = co_await job;
  if (!found) co_return;
  for (const auto& [leaf, item] : *found) server.router().send(make_last_item(leaf, item, full));
}

}  // namespace rookery::server::pubsub
