// An account's bookmarks in three places that always say the same: items of `urn:xmpp:bookmarks:1` (XEP-0402), the one
// item of `storage:bookmarks` (XEP-0048 with XEP-0223), and private XML (XEP-0049). XEP-0402 §6.2, XEP-0411.
#pragma once

#include "server/pubsub/effects.h"

namespace rookery::server::pubsub {

// All on the store's worker.

/// One of the two nodes has changed.
Status bookmarks_from_node(storage::Stores& stores, const Leaf& leaf, Effects& effects);
/// A `<storage/>` was put into private XML.
Status bookmarks_from_private(storage::Stores& stores, const xmpp::Jid& owner, const xmpp::Element& storage,
                              Effects& effects);
/// Makes the nodes from private XML of the time before there were any. False: there is nothing to make them from.
Result<bool> bookmarks_made(storage::Stores& stores, const xmpp::Jid& owner, std::string_view node, Effects& effects);

}  // namespace rookery::server::pubsub
