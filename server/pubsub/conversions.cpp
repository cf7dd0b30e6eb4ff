#include "server/pubsub/conversions.h"

namespace rookery::server::pubsub {

Status node_changed(storage::Stores&, const Leaf& leaf, Effects&) {
  if (!leaf.owner.has_local()) return {};
  return {};
}

}  // namespace rookery::server::pubsub
