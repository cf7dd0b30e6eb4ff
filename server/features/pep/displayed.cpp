// XEP-0490 §4.5: a message carries the news that a chat was displayed; the account's node gets it, the message goes on
// without.
#include "server/features/features.h"
#include "server/home/home.h"
#include "server/node.h"
#include "server/pubsub/effects.h"
#include "server/pubsub/items.h"
#include "server/task.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

namespace {

Task<void> publish(Node& node, xmpp::Jid owner, storage::PubsubItem item) {
  auto work = [&](storage::Stores& stores) -> Result<pubsub::Effects> {
    const auto leaf = pubsub::load_or_create(stores, owner, xmpp::ns::mds, pubsub::private_config());
    if (!leaf) return std::unexpected<Error>(leaf.error());
    pubsub::Effects effects;
    const auto payload = pubsub::parse_payload(item);
    if (auto put = pubsub::put_item(stores, *leaf, item, payload.get(), effects); !put)
      return std::unexpected<Error>(put.error());
    return effects;
  };
  auto job = node.stores_of(owner).run(std::move(work));
  auto effects = co_await job;
  if (effects) pubsub::tell(node, owner, std::move(*effects));
}

Verdict on_message(Session& session, xmpp::Element& message) {
  if (message.name() != "message") return {};
  const auto* displayed = message.child("displayed", xmpp::ns::mds);
  if (displayed == nullptr) return {};
  const auto chat = xmpp::Jid::parse(message.attr("to"));
  const bool names_one = displayed->child("stanza-id", xmpp::ns::sid) != nullptr;
  if (chat && names_one) {
    storage::PubsubItem item{.id = chat->text(),
                             .publisher = session.jid().text(),
                             .payload = displayed->to_xml(),
                             .published = pubsub::now()};
    spawn(publish(session.home().node(), session.home().jid(), std::move(item)), "displayed");
  }
  message.remove(*displayed);
  return {};
}

}  // namespace

void install_displayed(Node&, FeatureRegistry& registry) {
  registry.stanza_from_client.push_back(on_message);
  registry.advertise(Scope::account, xmpp::ns::mds_assist);
  registry.implements({.number = 490,
                       .name = "Message Displayed Synchronization",
                       .version = "1.0.1",
                       .left_out = {},
                       .tests = "golden/pep/displayed.scs"});
}

}  // namespace rookery::server
