// XEP-0227: what it can do is in server/portability/; nothing of it is on the wire.
#include "server/feature.h"
#include "server/features/features.h"

namespace rookery::server {

void install_moving(Node&, FeatureRegistry& registry) {
  registry.implements(
      {.number = 227,
       .name = "Portable Import/Export Format for XMPP-IM Servers",
       .version = "1.1",
       .left_out =
           "an export split by XInclude (it is read), privacy lists beyond blocking; the node is stopped meanwhile",
       .tests = "integration/moving"});
}

}  // namespace rookery::server
