// XEP-0030: Service Discovery of the server and of accounts.
#include "server/access.h"
#include "server/features/features.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/disco.h"

namespace rookery::server {

namespace {

void answer_info(IqRequest request, Scope scope) {
  // An account's nodes are those of personal eventing; open ones answer strangers too.
  if (scope == Scope::account && !request.payload().attr("node").empty()) return pep_disco_info(std::move(request));
  if (scope == Scope::account && refused_to_strangers(request)) return;
  if (!request.payload().attr("node").empty()) return request.fail(xmpp::Condition::item_not_found);
  const FeatureRegistry& registry = request.node().features();
  xmpp::DiscoInfo info;
  for (const auto& [category, type, name] : registry.identities(scope)) {
    info.identities.push_back({.category = category, .type = type, .name = name, .lang = {}});
  }
  info.features = registry.features(scope);
  auto result = request.make_result();
  info.add_to(*result);
  request.reply(std::move(result));
}

void answer_items(IqRequest request, Scope scope) {
  if (scope == Scope::account) return pep_disco_items(std::move(request));
  if (!request.payload().attr("node").empty()) return request.fail(xmpp::Condition::item_not_found);
  auto result = request.make_result();
  xmpp::DiscoItems{}.add_to(*result);
  request.reply(std::move(result));
}

}  // namespace

void install_disco(Node&, FeatureRegistry& registry) {
  for (const Scope scope : {Scope::server, Scope::account}) {
    registry.on_iq(scope, "get", "query", xmpp::ns::disco_info, [scope](IqRequest request) { answer_info(std::move(request), scope); });
    registry.on_iq(scope, "get", "query", xmpp::ns::disco_items, [scope](IqRequest request) { answer_items(std::move(request), scope); });
    registry.advertise(scope, xmpp::ns::disco_info);
    registry.advertise(scope, xmpp::ns::disco_items);
  }
  registry.identity(Scope::server, {.category = "server", .type = "im", .name = "Rookery"});
  registry.identity(Scope::account, {.category = "account", .type = "registered", .name = {}});
}

}  // namespace rookery::server
