// A node of personal eventing (XEP-0163): its configuration, who may see it, how it is kept in the store.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/stores.h"
#include "xmpp/payloads/payload.h"
#include "xmpp/payloads/pubsub/node_config.h"

namespace rookery::server {

class Home;

namespace pep {

constexpr size_t most_nodes = 1000;  ///< of one account
constexpr size_t most_items = 1000;  ///< of one node: what max_items "max" stands for

struct PepNode {
  std::string name;
  xmpp::pubsub::NodeConfig config;
  std::vector<storage::PubsubAffiliation> affiliations;

  size_t item_limit() const;  ///< 0: items are not kept
};

/// Somebody who looks at an account's nodes.
struct Viewer {
  std::string bare;
  bool is_owner = false;
  bool sees_presence = false;
  std::vector<std::string> groups;  ///< of the owner's roster
};
Viewer viewer(const Home& home, const xmpp::Jid& jid);

/// XEP-0060 §4.5. "authorize" is treated as "presence".
bool may_see(const Viewer& viewer, const PepNode& node);
/// The error for a node that this viewer may not see or that does not exist (null).
xmpp::StanzaError refusal(const Viewer& viewer, const PepNode* node);

std::string encode_config(const xmpp::pubsub::NodeConfig& config);
xmpp::pubsub::NodeConfig decode_config(std::string_view stored);

// On the store's worker.
Result<std::optional<PepNode>> load(storage::PubsubStore& store, const xmpp::Jid& owner, std::string_view name);
/// resource-constraint inside when the account has as many nodes as it may have.
Result<xmpp::Parsed<void>> create(storage::PubsubStore& store, const xmpp::Jid& owner, const PepNode& node);

}  // namespace pep
}  // namespace rookery::server
