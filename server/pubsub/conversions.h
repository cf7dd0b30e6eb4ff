// What an account publishes in one form it also has in the older ones (XEP-0398, 0402, 0411, 0292), in the same transaction.
#pragma once

#include "server/pubsub/effects.h"

namespace rookery::server::pubsub {

/// A node's items or its configuration have changed, or it is gone. On the store's worker.
Status node_changed(storage::Stores& stores, const Leaf& leaf, Effects& effects);

}  // namespace rookery::server::pubsub
