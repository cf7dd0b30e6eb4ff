// Putting items into nodes and taking them out: for publishers, and for what the server itself publishes for an
// account.
#pragma once

#include "server/pubsub/effects.h"

namespace rookery::server::pubsub {

// All on the store's worker.

/// Stores the item, where the node keeps items, and notifies. `payload` is the item's, null when it has none.
Status put_item(storage::Stores& stores, const Leaf& leaf, const storage::PubsubItem& item,
                const xmpp::Element* payload, Effects& effects);
/// Removes the items, notifies if `notify`.
Status take_items(storage::Stores& stores, const Leaf& leaf, const std::vector<std::string>& ids, bool notify,
                  Effects& effects);

/// The account's node as it is, or made now with this configuration.
Result<Leaf> load_or_create(storage::Stores& stores, const xmpp::Jid& owner, std::string_view name,
                            const xmpp::pubsub::NodeConfig& config);
/// The newest item, nullopt when there is no item or no node.
Result<std::optional<storage::PubsubItem>> last_item(storage::Stores& stores, const xmpp::Jid& owner,
                                                     std::string_view name);
/// XEP-0223: kept for its owner alone.
xmpp::pubsub::NodeConfig private_config();
xmpp::ElementPtr parse_payload(const storage::PubsubItem& item);  ///< null when it has none

}  // namespace rookery::server::pubsub
