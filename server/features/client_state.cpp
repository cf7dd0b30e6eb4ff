// XEP-0352: Client State Indication, what is offered of it. What waits meanwhile: server/home/held_back.h,
// importance.h.
#include "server/features/features.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

void install_client_state(Node& node, FeatureRegistry& registry) {
  registry.implements(
      {.number = 352, .name = "Client State Indication", .version = "1.0.0", .left_out = {}, .tests = "golden/csi"});
  if (node.config().held_stanzas == 0) return;
  // XEP-0386 §4: whoever binds in the background says so at once.
  registry.on_bind(xmpp::ns::csi, [](Session& session, const xmpp::Element& state) -> xmpp::ElementPtr {
    session.set_active(state.name() != "inactive");
    return nullptr;
  });
}

}  // namespace rookery::server
