#include "server/features/pep/notify.h"

#include "server/home/home.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/pubsub/event.h"
#include "xmpp/stream_parser.h"
#include "xmpp/time.h"

namespace rookery::server::pep {

namespace {

/// Is it a client of ours that is available, or one of a contact who may see our presence?
bool is_reachable(Home& home, const xmpp::Jid& full) {
  if (!full.same_bare(home.jid())) return home.may_see_presence(full);
  const Session* session = home.find(full.resource());
  return session != nullptr && session->available;
}

struct LastItem {
  PepNode node;
  storage::PubsubItem item;
};

Result<std::vector<LastItem>> read_last_items(storage::PubsubStore& store, const xmpp::Jid& owner, const Interests& nodes) {
  std::vector<LastItem> found;
  for (const auto& name : nodes) {
    auto node = load(store, owner, name);
    if (!node) return std::unexpected<Error>(node.error());
    if (!*node) continue;
    if ((*node)->config.send_last_published_item != xmpp::pubsub::SendLastItem::on_sub_and_presence) continue;
    auto items = store.items(owner, name, 1);
    if (!items) return std::unexpected<Error>(items.error());
    if (!items->empty()) found.push_back({std::move(**node), std::move(items->front())});
  }
  return found;
}

}  // namespace

xmpp::ElementPtr make_notification(const xmpp::Jid& owner) {
  auto message = xmpp::Element::make("message", xmpp::ns::client);
  message->set_attr("type", "headline").set_attr("from", owner.text());
  return message;
}

void notify(Home& home, const PepNode& node, const xmpp::Element& message) {
  if (!node.config.deliver_notifications) return;
  for (const auto& full : listeners(home, node.name)) {
    if (!is_reachable(home, full) || !may_see(viewer(home, full), node)) continue;
    auto copy = message.clone();
    copy->set_attr("to", full.text());
    home.node().router().send(std::move(copy));
  }
}

Task<void> send_last_items(Node& server, xmpp::Jid owner, xmpp::Jid full, Interests nodes) {
  auto work = [owner, nodes](storage::Stores& stores) { return read_last_items(stores.pubsub(), owner, nodes); };
  auto job = server.stores().run(std::move(work));
  const auto found = co_await job;
  Home* home = server.homes().find_loaded(owner);
  if (!found || home == nullptr || !is_reachable(*home, full)) co_return;
  for (const auto& [node, item] : *found) {
    if (!node.config.deliver_notifications || !may_see(viewer(*home, full), node)) continue;
    auto message = make_notification(owner);
    message->set_attr("to", full.text());
    xmpp::ElementPtr payload;
    if (node.config.deliver_payloads && !item.payload.empty()) {
      if (auto parsed = xmpp::parse_document(item.payload)) payload = std::move(*parsed);
    }
    xmpp::pubsub::add_item(xmpp::pubsub::add_items_event(*message, node.name), item.id, payload.get());
    message->add("delay", xmpp::ns::delay)
        .set_attr("from", owner.text())
        .set_attr("stamp", xmpp::format_date_time(std::chrono::time_point_cast<std::chrono::microseconds>(item.published)));
    server.router().send(std::move(message));
  }
}

}  // namespace rookery::server::pep
