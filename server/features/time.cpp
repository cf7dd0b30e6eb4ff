// XEP-0202: Entity Time. Given in UTC: where the server stands is nobody's business.
#include "server/feature.h"
#include "server/features/features.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/entity_queries.h"

namespace rookery::server {

void install_time(Node&, FeatureRegistry& registry) {
  registry.on_iq(Scope::server, "get", "time", xmpp::ns::time, [](IqRequest request) {
    const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(
        std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
    auto result = request.make_result();
    xmpp::EntityTime{.utc = now, .offset = std::chrono::minutes(0)}.add_to(*result);
    request.reply(std::move(result));
  });
  registry.advertise(Scope::server, xmpp::ns::time);
  registry.implements({.number = 202,
                       .name = "Entity Time",
                       .version = "2.0",
                       .left_out = {},
                       .tests = "golden/disco/ping_version_time_last.scs"});
}

}  // namespace rookery::server
