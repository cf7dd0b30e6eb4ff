#include "server/features/features.h"

#include "server/feature.h"

namespace rookery::server {

void install_features(Node& node, FeatureRegistry& registry) {
  install_roster(node, registry);
  install_caps(node, registry);
  install_pep(node, registry);
  install_ping(node, registry);
}

}  // namespace rookery::server
