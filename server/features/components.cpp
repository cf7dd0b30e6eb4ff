// XEP-0114: what programs beside the server do under domains of their own. The connections are server/components/.
#include "server/components/component.h"
#include "server/feature.h"
#include "server/features/features.h"
#include "server/node.h"

namespace rookery::server {

void install_components(Node& node, FeatureRegistry& registry) {
  for (const auto& component : node.components().all()) {
    Service service;
    service.domain = component->domain();
    service.name = component->domain();
    service.answers_disco = false;
    service.receive = [&component = *component](Envelope envelope) { component.receive(std::move(envelope)); };
    registry.host(std::move(service));
  }
  registry.implements({.number = 114,
                       .name = "Jabber Component Protocol",
                       .version = "1.6",
                       .left_out = "connections that the server opens; in a cluster a component has to connect to every node",
                       .tests = "integration/components"});
}

}  // namespace rookery::server
