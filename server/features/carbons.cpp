// XEP-0280: Message Carbons, switching them on and off. The copies are made where messages are delivered (server/home).
#include "server/access.h"
#include "server/features/features.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

void install_carbons(Node&, FeatureRegistry& registry) {
  for (const bool enable : {true, false}) {
    registry.on_iq(Scope::account, "set", enable ? "enable" : "disable", xmpp::ns::carbons,
                   [enable](IqRequest request) {
                     if (refused_to_others(request)) return;
                     if (Session* session = request.session()) session->carbons = enable;
                     request.reply();
                   });
  }
  // XEP-0386 §3.2: it succeeds, so there is nothing to answer.
  registry.on_bind(xmpp::ns::carbons, [](Session& session, const xmpp::Element& request) -> xmpp::ElementPtr {
    session.carbons = request.name() == "enable";
    return nullptr;
  });
  // §2: the server is asked, and says so for its accounts too.
  registry.advertise(Scope::server, xmpp::ns::carbons);
  registry.advertise(Scope::account, xmpp::ns::carbons);
  registry.implements({.number = 280,
                       .name = "Message Carbons",
                       .version = "1.0.1",
                       .left_out = {},
                       .tests = "golden/carbons, golden/im"});
}

}  // namespace rookery::server
