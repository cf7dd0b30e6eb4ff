// Personal Eventing (XEP-0163): every account is a pubsub service (XEP-0060) of its owner. The engine is
// server/pubsub/.
#include "server/feature.h"
#include "server/features/features.h"
#include "server/home/home.h"
#include "server/node.h"
#include "server/pubsub/serve.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

using xmpp::Condition;

namespace {

/// Beside what works at every service.
constexpr std::string_view features[] = {"auto-subscribe", "filtered-notifications", "last-published",
                                         "presence-subscribe"};

/// Calls `then` with the request and what the asking entity is to the account.
template <typename Then>
void with_viewer(IqRequest request, Then then) {
  const Home* home = request.home();
  if (home == nullptr) return request.fail(Condition::service_unavailable);
  auto viewer = pubsub::viewer(*home, request.from());
  then(std::move(request), std::move(viewer));
}

void serve(IqRequest request) { with_viewer(std::move(request), pubsub::serve); }

/// XEP-0060 §8.6: the owner answers a request for a subscription in a message to its own account.
Verdict on_message(Home& home, const Envelope& envelope) {
  if (envelope.stanza->name() != "message" || !envelope.to.is_bare() || !envelope.from.same_bare(home.jid())) return {};
  const bool taken =
      pubsub::serve_authorization(home.node(), home.jid(), pubsub::viewer(home, envelope.from), *envelope.stanza);
  return {.drop = taken, .error = {}};
}

}  // namespace

void pep_disco_info(IqRequest request) { with_viewer(std::move(request), pubsub::serve_node_info); }
void pep_disco_items(IqRequest request) { with_viewer(std::move(request), pubsub::serve_items); }

void install_pep(Node& node, FeatureRegistry& registry) {
  for (const auto type : {"get", "set"}) {
    registry.on_iq(Scope::account, type, "pubsub", xmpp::ns::pubsub, serve);
    registry.on_iq(Scope::account, type, "pubsub", xmpp::ns::pubsub_owner, serve);
  }
  registry.identity(Scope::account, {.category = "pubsub", .type = "pep", .name = {}});
  pubsub::advertise_common(registry.table(Scope::account));
  for (const auto feature : features)
    registry.advertise(Scope::account, std::string(xmpp::ns::pubsub) + "#" + std::string(feature));
  registry.stanza_to_account.push_back(on_message);
  registry.interests_gained.push_back([](Home& home, const xmpp::Jid& full, const Interests& nodes) {
    spawn(pubsub::send_last_items(home.node(), home.jid(), full, nodes), "pep_last_items");
  });
  registry.contact_subscribed.push_back([](Home& home, const xmpp::Jid& contact) {
    for (const auto& [full, interests] : interests_of(home, contact)) {
      spawn(pubsub::send_last_items(home.node(), home.jid(), full, *interests), "pep_last_items");
    }
  });
  registry.implements(
      {.number = 163, .name = "Personal Eventing Protocol", .version = "1.2.2", .left_out = {}, .tests = "golden/pep"});
  (void)node;
}

}  // namespace rookery::server
