// Help for a client that cannot read "there is no device list yet".
#pragma once

#include "server/pubsub/call.h"

namespace rookery::server::pubsub {

/// The owner of an account asks for the legacy OMEMO device list (XEP-0384 v0.3 §4.2) and there is no such node: the
/// answer, an item `current` with an empty list. Null for anybody else, and for other nodes.
xmpp::ElementPtr missing_device_list(const Call& call, const xmpp::pubsub::GetItems& wanted);

}  // namespace rookery::server::pubsub
