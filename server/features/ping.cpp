// XEP-0199: XMPP Ping.
#include "server/feature.h"
#include "server/features/features.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

void install_ping(Node&, FeatureRegistry& registry) {
  const auto answer = [](IqRequest request) {
    // REQUIREMENTS 16: a stranger's ping must not tell whether an account exists.
    if (request.to().has_local() && !request.is_own_account()) return request.fail(xmpp::Condition::service_unavailable);
    request.reply();
  };
  for (const auto scope : {Scope::server, Scope::account}) {
    registry.on_iq(scope, "get", "ping", xmpp::ns::ping, answer);
    registry.advertise(scope, xmpp::ns::ping);
  }
}

}  // namespace rookery::server
