// XEP-0092: Software Version. The operating system is nobody's business (§5).
#include "server/feature.h"
#include "server/features/features.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/entity_queries.h"

namespace rookery::server {

void install_version(Node&, FeatureRegistry& registry) {
  registry.on_iq(Scope::server, "get", "query", xmpp::ns::version, [](IqRequest request) {
    auto result = request.make_result();
    xmpp::SoftwareVersion{.name = "Rookery", .version = ROOKERY_VERSION, .os = {}}.add_to(*result);
    request.reply(std::move(result));
  });
  registry.advertise(Scope::server, xmpp::ns::version);
  registry.implements({.number = 92,
                       .name = "Software Version",
                       .version = "1.1",
                       .left_out = {},
                       .tests = "golden/disco/ping_version_time_last.scs"});
}

}  // namespace rookery::server
