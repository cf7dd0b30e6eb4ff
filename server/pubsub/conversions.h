// What an account publishes in one form it also has in the older ones (XEP-0292, 0398, 0402, 0411), in the same
// transaction.
#pragma once

#include "server/pubsub/effects.h"

namespace rookery::server::pubsub {

// All on the store's worker.

/// A node's items or its configuration have changed, or it is gone.
Status node_changed(storage::Stores& stores, const Leaf& leaf, Effects& effects);
/// The vCard (XEP-0054) that is to be stored: returns it as it is to be kept, and publishes what it says.
Result<std::string> vcard_changed(storage::Stores& stores, const xmpp::Jid& owner, const std::string& vcard,
                                  Effects& effects);

}  // namespace rookery::server::pubsub
