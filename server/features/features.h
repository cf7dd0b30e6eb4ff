// One installer for each XEP. install_features() (server/feature.h) calls them all.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "xmpp/element.h"
#include "xmpp/payloads/caps.h"

namespace rookery::server {

class FeatureRegistry;
class IqRequest;
class Node;
struct Stranger;

void install_affiliations(Node& node, FeatureRegistry& registry);
void install_adhoc(Node& node, FeatureRegistry& registry);
void install_administration(Node& node, FeatureRegistry& registry);
void install_blocking(Node& node, FeatureRegistry& registry);
void install_caps(Node& node, FeatureRegistry& registry);
void install_client_access(Node& node, FeatureRegistry& registry);
void install_carbons(Node& node, FeatureRegistry& registry);
void install_components(Node& node, FeatureRegistry& registry);
void install_client_state(Node& node, FeatureRegistry& registry);
void install_contact_addresses(Node& node, FeatureRegistry& registry);
void install_conversions(Node& node, FeatureRegistry& registry);
void install_disco(Node& node, FeatureRegistry& registry);
void install_displayed(Node& node, FeatureRegistry& registry);
void install_external_services(Node& node, FeatureRegistry& registry);
void install_federation(Node& node, FeatureRegistry& registry);
void install_host_meta(Node& node, FeatureRegistry& registry);
void install_invites(Node& node, FeatureRegistry& registry);
void install_last_activity(Node& node, FeatureRegistry& registry);
void install_mam(Node& node, FeatureRegistry& registry);
void install_moving(Node& node, FeatureRegistry& registry);
void install_muc(Node& node, FeatureRegistry& registry);
void install_pep(Node& node, FeatureRegistry& registry);
void install_ping(Node& node, FeatureRegistry& registry);
void install_private_xml(Node& node, FeatureRegistry& registry);
void install_pubsub(Node& node, FeatureRegistry& registry);
void install_push(Node& node, FeatureRegistry& registry);
void install_quarantine(Node& node, FeatureRegistry& registry);
void install_registration(Node& node, FeatureRegistry& registry);
void install_routed(Node& node, FeatureRegistry& registry);
void install_roster(Node& node, FeatureRegistry& registry);
void install_strangers(Node& node, FeatureRegistry& registry);
void install_time(Node& node, FeatureRegistry& registry);
void install_upload(Node& node, FeatureRegistry& registry);
void install_vcard(Node& node, FeatureRegistry& registry);
void install_version(Node& node, FeatureRegistry& registry);

/// XEP-0115: what the stream features announce; to be asked when all features are installed.
xmpp::Caps caps_of_server(const FeatureRegistry& registry);

/// XEP-0077, for the edge: answers any iq of a stream that is not authenticated yet; `reply` is called once, on the
/// calling loop.
void register_before_auth(Node& node, xmpp::ElementPtr iq, std::shared_ptr<Stranger> stranger,
                          std::move_only_function<void(xmpp::ElementPtr)> reply);

/// XEP-0050 §2.1, §2.2: disco about commands (adhoc.cpp), for those requests whose node is theirs.
bool is_command_node(const IqRequest& request);
void command_info(IqRequest request);
void command_items(IqRequest request);

/// XEP-0163: disco about the nodes of an account; each answers the request (pep/disco.cpp).
void pep_disco_info(IqRequest request);
void pep_disco_items(IqRequest request);

}  // namespace rookery::server
