// A pubsub node that holds items (XEP-0060 §4.4), of an account (XEP-0163) or of a service: what it is and how it is
// kept.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/stores.h"
#include "xmpp/payloads/payload.h"
#include "xmpp/payloads/pubsub/node_config.h"
#include "xmpp/payloads/pubsub/subscribe_options.h"

namespace rookery::server::pubsub {

constexpr size_t most_nodes = 1000;                                  ///< of one account; of one creator at a service
constexpr size_t most_items = xmpp::pubsub::NodeConfig::most_items;  ///< of one node
constexpr size_t most_subscribers = 20'000;                          ///< of one node
constexpr size_t most_name_bytes = 1024;                             ///< of a node
constexpr size_t most_id_bytes = 3071;  ///< of an item, whose id may be a JID (XEP-0402, XEP-0490)

/// An outcome in a peer's terms within one in the world's.
template <typename T>
using Outcome = Result<xmpp::Parsed<T>>;

/// `return refused<T>(error);`: the peer is answered this; the transaction stands, so nothing may have been written
/// yet.
template <typename T>
Outcome<T> refused(xmpp::StanzaError error) {
  return xmpp::Parsed<T>(std::unexpect, std::move(error));
}

struct Leaf {
  xmpp::Jid owner;  ///< the account or the service that the node is found at
  std::string name;
  xmpp::pubsub::NodeConfig config;
  std::vector<storage::PubsubAffiliation> affiliations;  ///< by JID
  /// At a service, bare JID: the owner who answers for the node. Its roster stands for the models "presence" and
  /// "roster"; an owner who was only made one by others is asked for nothing. Empty at accounts, and where it has gone.
  std::string creator = {};

  size_t item_limit() const;  ///< 0: items are not kept
};

xmpp::pubsub::NodeConfig default_config(const xmpp::Jid& owner);
std::string encode_config(const xmpp::pubsub::NodeConfig& config);
xmpp::pubsub::NodeConfig decode_config(const xmpp::Jid& owner, std::string_view stored);
std::string encode_options(const xmpp::pubsub::SubscribeOptions& options);
xmpp::pubsub::SubscribeOptions decode_options(std::string_view stored);

// On the store's worker.
/// Items whose time is over are gone by then (pubsub#item_expire).
Result<std::optional<Leaf>> load(storage::PubsubStore& store, const xmpp::Jid& owner, std::string_view name);
/// Inside: resource-constraint when there are as many nodes as there may be; not-acceptable when its name or a text of
/// its configuration is too long.
Outcome<void> create(storage::PubsubStore& store, const Leaf& leaf);
Status save(storage::PubsubStore& store, const Leaf& leaf);  ///< its configuration and creator

/// The subscriptions that get notifications now.
Result<std::vector<storage::PubsubSubscription>> live_subscriptions(storage::PubsubStore& store, const Leaf& leaf);
xmpp::TimePoint now();

}  // namespace rookery::server::pubsub
