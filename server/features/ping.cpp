// XEP-0199: XMPP Ping.
#include "server/access.h"
#include "server/features/features.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

void install_ping(Node&, FeatureRegistry& registry) {
  registry.on_iq(Scope::server, "get", "ping", xmpp::ns::ping, [](IqRequest request) { request.reply(); });
  registry.on_iq(Scope::account, "get", "ping", xmpp::ns::ping, [](IqRequest request) {
    if (!refused_to_strangers(request)) request.reply();
  });
  registry.advertise(Scope::server, xmpp::ns::ping);
  registry.advertise(Scope::account, xmpp::ns::ping);
  registry.implements({.number = 199,
                       .name = "XMPP Ping",
                       .version = "2.0.1",
                       .left_out = {},
                       .tests = "golden/disco/ping_version_time_last.scs"});
}

}  // namespace rookery::server
