#include "server/features/features.h"

#include "server/feature.h"

namespace rookery::server {

void install_features(Node& node, FeatureRegistry& registry) {
  install_blocking(node, registry);   // first: its hooks stop a stanza before any other feature sees it
  install_strangers(node, registry);  // next: who may write at all
  install_quarantine(node, registry);
  install_roster(node, registry);
  install_invites(node, registry);
  install_caps(node, registry);  // before PEP, which asks it who listens
  install_pep(node, registry);
  install_pubsub(node, registry);
  install_conversions(node, registry);
  install_displayed(node, registry);
  install_mam(node, registry);
  install_carbons(node, registry);
  install_routed(node, registry);
  install_client_state(node, registry);
  install_private_xml(node, registry);
  install_vcard(node, registry);
  install_last_activity(node, registry);
  install_version(node, registry);
  install_time(node, registry);
  install_ping(node, registry);
  install_client_access(node, registry);
  install_push(node, registry);
  install_registration(node, registry);
  install_affiliations(node, registry);
  install_upload(node, registry);
  install_external_services(node, registry);
  install_host_meta(node, registry);
  install_muc(node, registry);
  install_components(node, registry);
  install_federation(node, registry);
  install_moving(node, registry);
  install_contact_addresses(node, registry);
  install_administration(node, registry);
  install_adhoc(node, registry);
  install_disco(node, registry);  // last: answers from what the others have advertised
}

}  // namespace rookery::server
