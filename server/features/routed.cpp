// XEPs whose server side is to route and to archive rightly (server/home/message_rules.h): what is said of them.
#include "server/feature.h"
#include "server/features/features.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

void install_routed(Node&, FeatureRegistry& registry) {
  // XEP-0424 §2: retractions are archived. Tombstones (§5, a MAY) would let a spammer take back what is to be reported.
  registry.advertise(Scope::server, xmpp::ns::retract);
  registry.advertise(Scope::account, xmpp::ns::retract);
  constexpr std::string_view others = "the clients' part (server side: routed and archived)";
  registry.implements({.number = 66,
                       .name = "Out of Band Data",
                       .version = "1.5",
                       .left_out = others,
                       .tests = "golden/im/out_of_band.scs"});
  registry.implements({.number = 85,
                       .name = "Chat State Notifications",
                       .version = "2.1",
                       .left_out = others,
                       .tests = "golden/im/chat_states.scs"});
  registry.implements(
      {.number = 166, .name = "Jingle", .version = "1.1.2", .left_out = others, .tests = "golden/im/calls.scs"});
  registry.implements({.number = 184,
                       .name = "Message Delivery Receipts",
                       .version = "1.4.0",
                       .left_out = others,
                       .tests = "golden/im/receipts.scs"});
  registry.implements({.number = 308,
                       .name = "Last Message Correction",
                       .version = "1.2.1",
                       .left_out = others,
                       .tests = "golden/im/correction.scs"});
  registry.implements({.number = 333,
                       .name = "Displayed Markers",
                       .version = "1.0.0",
                       .left_out = others,
                       .tests = "golden/im/markers.scs"});
  registry.implements({.number = 353,
                       .name = "Jingle Message Initiation",
                       .version = "0.8.0",
                       .left_out = others,
                       .tests = "golden/im/calls.scs"});
  registry.implements({.number = 380,
                       .name = "Explicit Message Encryption",
                       .version = "0.4.0",
                       .left_out = others,
                       .tests = "golden/im/encryption_named.scs"});
  registry.implements({.number = 420,
                       .name = "Stanza Content Encryption",
                       .version = "0.5.0",
                       .left_out = others,
                       .tests = "golden/im/encrypted_envelope.scs"});
  registry.implements({.number = 444,
                       .name = "Message Reactions",
                       .version = "0.2.1",
                       .left_out = others,
                       .tests = "golden/im/reactions.scs"});
  registry.implements({.number = 461,
                       .name = "Message Replies",
                       .version = "0.2.1",
                       .left_out = others,
                       .tests = "golden/im/replies.scs"});
}

}  // namespace rookery::server
