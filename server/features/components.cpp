// XEP-0114: what programs beside the server do under domains of their own. The connections are server/components/.
#include "server/components/component.h"
#include "server/components/rights.h"
#include "server/feature.h"
#include "server/features/features.h"
#include "server/home/home.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

xmpp::ElementPtr addressed(const xmpp::Element& stanza, std::string_view from, const Component& to) {
  auto copy = stanza.clone();
  copy->set_attr("from", from).set_attr("to", to.domain());
  return copy;
}

/// Only what somebody has asked for costs anything.
void install_rights(Component& component, FeatureRegistry& registry) {
  const auto& config = component.config();
  if (config.roster != "none" || !config.iq.empty()) {
    registry.response_to_account.push_back(
        [&component](Home&, const Envelope& answer) { return component.rights().on_response(answer); });
  }
  if (config.roster_push && (config.roster == "get" || config.roster == "both")) {
    registry.roster_pushed.push_back([&component](Home& home, const xmpp::Element& push) {
      if (component.is_connected()) component.tell(addressed(push, home.jid().text(), component));
    });
  }
  if (config.presence != "none") {
    const auto tell = [&component](Session& session, const xmpp::Element& presence) {
      if (component.is_connected()) component.tell(addressed(presence, session.jid().text(), component));
    };
    registry.presence_updated.push_back(tell);
    registry.presence_ended.push_back(tell);
  }
  if (config.delegated.empty()) return;
  registry.iq_request.push_back([&component](Envelope& iq) {
    if (!component.rights().is_delegated(iq)) return false;
    component.rights().delegate(std::move(iq));
    return true;
  });
}

}  // namespace

void install_components(Node& node, FeatureRegistry& registry) {
  bool delegates = false;
  for (const auto& component : node.components().all()) {
    Service service;
    service.domain = component->domain();
    service.name = component->domain();
    service.answers_disco = false;
    service.is_everywhere = true;
    service.receive = [&component = *component](Envelope envelope) { component.receive(std::move(envelope)); };
    registry.host(std::move(service));
    install_rights(*component, registry);
    if (!component->config().delegated.empty()) delegates = true;
  }
  if (delegates) registry.advertise(Scope::server, xmpp::ns::delegation);
  registry.implements({.number = 114,
                       .name = "Jabber Component Protocol",
                       .version = "1.6",
                       .left_out = "connections that the server opens",
                       .tests = "integration/components"});
  registry.implements({.number = 355,
                       .name = "Namespace Delegation",
                       .version = "0.5",
                       .left_out = "client mode, disco nesting",
                       .tests = "integration/components/delegation_test.py"});
  registry.implements({.number = 356,
                       .name = "Privileged Entity",
                       .version = "0.4.1",
                       .left_out = "presence of contacts (type roster); in a cluster, a message in the name of an "
                                   "account of another node that does not exist is dropped silently",
                       .tests = "integration/components/privileges_test.py"});
}

}  // namespace rookery::server
