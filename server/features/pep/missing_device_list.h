// Help for a client that cannot read "there is no device list yet".
#pragma once

#include "server/feature.h"
#include "server/features/pep/pep_node.h"
#include "xmpp/payloads/pubsub/request.h"

namespace rookery::server::pep {

/// The owner of an account asks for the legacy OMEMO device list (XEP-0384 v0.3 §4.2) and there is no such node: answers
/// an item `current` with an empty list and returns true. For anybody else, and for other nodes, does nothing: false.
bool answer_missing_device_list(IqRequest& request, const xmpp::pubsub::GetItems& wanted, const Viewer& asking);

}  // namespace rookery::server::pep
