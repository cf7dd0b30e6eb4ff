// What a change at nodes has to tell to whom, once it is durable: made on the store's worker, told on the owner's loop.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/pubsub/leaf.h"
#include "xmpp/element.h"

namespace rookery::server {

class Node;

namespace pubsub {

/// For all who listen to a node: its subscribers, and for an account those that say so in their capabilities.
struct Notice {
  Leaf leaf;
  std::vector<storage::PubsubSubscription> subscribers;
  xmpp::ElementPtr message;  ///< without `to`
};

struct Effects {
  std::vector<Notice> notices;
  std::vector<xmpp::ElementPtr> messages;  ///< with from and to
  std::optional<std::string> avatar;       ///< the account's new avatar (XEP-0153 hash), empty: none any more
};

/// A message from the owner, as the node's configuration wants it, to be given an event.
xmpp::ElementPtr make_message(const Leaf& leaf);
/// The same with one item and the time of its publication, for one who comes later (XEP-0060 §6.1.7).
xmpp::ElementPtr make_last_item(const Leaf& leaf, const storage::PubsubItem& item, const xmpp::Jid& to);
/// Adds a notice with this message for the node's present subscribers, as far as it admits them. On the store's worker.
Status add_notice(storage::Stores& stores, const Leaf& leaf, xmpp::ElementPtr message, Effects& effects);

/// On the loop that owns `owner`.
void tell(Node& node, const xmpp::Jid& owner, Effects effects);

}  // namespace pubsub
}  // namespace rookery::server
