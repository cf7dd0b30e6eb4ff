// XEPs whose server side is to route and to archive rightly (server/home/message_rules.h): what is said of them.
#include "server/feature.h"
#include "server/features/features.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

constexpr std::string_view messages = "the clients' part (server side: routed and archived)";
constexpr std::string_view events = "the clients' part (server side: personal eventing, which knows no payloads)";

constexpr Xep routed[] = {
    {66, "Out of Band Data", "1.5", messages, "golden/im/out_of_band.scs"},
    {85, "Chat State Notifications", "2.1", messages, "golden/im/chat_states.scs"},
    {166, "Jingle", "1.1.2", messages, "golden/im/calls.scs"},
    {184, "Message Delivery Receipts", "1.4.0", messages, "golden/im/receipts.scs"},
    {308, "Last Message Correction", "1.2.1", messages, "golden/im/correction.scs"},
    {333, "Displayed Markers", "1.0.0", messages, "golden/im/markers.scs"},
    {353, "Jingle Message Initiation", "0.8.0", messages, "golden/im/calls.scs"},
    {372, "References", "0.5.0", messages, "golden/im/other_payloads.scs"},
    {380, "Explicit Message Encryption", "0.4.0", messages, "golden/im/encryption_named.scs"},
    {420, "Stanza Content Encryption", "0.5.0", messages, "golden/im/encrypted_envelope.scs"},
    {428, "Fallback Indication", "0.2.1", messages, "golden/im/replies.scs"},
    {434, "Trust Messages", "0.6.0", messages, "golden/im/other_payloads.scs"},
    {444, "Message Reactions", "0.2.1", messages, "golden/im/reactions.scs"},
    {447, "Stateless file sharing", "0.3.1", messages, "golden/im/other_payloads.scs"},
    {461, "Message Replies", "0.2.1", messages, "golden/im/replies.scs"},
    {482, "Call Invites", "0.1.0", messages, "golden/im/other_payloads.scs"},
    {80, "User Location", "1.10.0", events, "golden/pep/payloads.scs"},
    {107, "User Mood", "1.2.2", events, "golden/pep/payloads.scs"},
    {108, "User Activity", "1.3", events, "golden/pep/payloads.scs"},
    {118, "User Tune", "1.3.0", events, "golden/pep/payloads.scs"},
    {172, "User Nickname", "1.1", events, "golden/pep/payloads.scs"},
};

}  // namespace

void install_routed(Node&, FeatureRegistry& registry) {
  // XEP-0424 §2: retractions are archived. Tombstones (§5, a MAY) would let a spammer take back what is to be reported.
  registry.advertise(Scope::server, xmpp::ns::retract);
  registry.advertise(Scope::account, xmpp::ns::retract);
  registry.advertise(Scope::server, "msgoffline");  // XEP-0160 §4
  for (const Xep& xep : routed) registry.implements(xep);
}

}  // namespace rookery::server
