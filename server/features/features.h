// One installer for each XEP. install_features() (server/feature.h) calls them all.
#pragma once

namespace rookery::server {

class FeatureRegistry;
class Node;

void install_blocking(Node& node, FeatureRegistry& registry);
void install_carbons(Node& node, FeatureRegistry& registry);
void install_disco(Node& node, FeatureRegistry& registry);
void install_last_activity(Node& node, FeatureRegistry& registry);
void install_mam(Node& node, FeatureRegistry& registry);
void install_ping(Node& node, FeatureRegistry& registry);
void install_private_xml(Node& node, FeatureRegistry& registry);
void install_registration(Node& node, FeatureRegistry& registry);
void install_roster(Node& node, FeatureRegistry& registry);
void install_time(Node& node, FeatureRegistry& registry);
void install_vcard(Node& node, FeatureRegistry& registry);
void install_version(Node& node, FeatureRegistry& registry);

}  // namespace rookery::server
