// Who may do what at a node: affiliations, access models, publish models (XEP-0060 §4.1, §4.5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/pubsub/leaf.h"
#include "xmpp/errors.h"

namespace rookery::server {

class Home;

namespace pubsub {

/// Somebody who looks at an account's nodes, or at a service's.
struct Viewer {
  xmpp::Jid jid;                    ///< as it asks, full
  bool is_owner = false;            ///< the account itself (XEP-0163 §3: owner of all its nodes)
  bool sees_presence = false;       ///< the account's
  std::vector<std::string> groups;  ///< of the account's roster
  bool may_create = false;

  std::string_view bare() const { return jid.bare_text(); }
};
Viewer viewer(const Home& home, const xmpp::Jid& jid);

enum class Affiliation { outcast, none, member, publish_only, publisher, owner };
std::string_view to_string(Affiliation affiliation);
std::optional<Affiliation> parse_affiliation(std::string_view name);
Affiliation affiliation_of(const Viewer& viewer, const Leaf& leaf);

/// May subscribe; and may read, except that for "authorize" only a subscriber reads.
bool may_subscribe(const Viewer& viewer, const Leaf& leaf);
bool may_read(const Viewer& viewer, const Leaf& leaf, bool is_subscribed);
bool may_publish(const Viewer& viewer, const Leaf& leaf, bool is_subscribed);

/// Why may_subscribe() or may_read() said no.
xmpp::StanzaError refusal(const Viewer& viewer, const Leaf& leaf);

// On the store's worker.
/// At a service the node's creator stands for the account of the models "presence" and "roster": looks into its roster.
Status learn_from_roster(storage::Stores& stores, const Leaf& leaf, Viewer& viewer);
/// XEP-0060 §14.2: takes out those that the node's access model does not admit any more, and returns them. Costs
/// nothing at a node that is open to all.
Result<std::vector<storage::PubsubSubscription>> take_unentitled(
    storage::Stores& stores, const Leaf& leaf, std::vector<storage::PubsubSubscription>& subscriptions);
/// Somebody as the stores alone know it, at a service or an account.
Result<Viewer> stored_viewer(storage::Stores& stores, const Leaf& leaf, const xmpp::Jid& jid);

}  // namespace pubsub
}  // namespace rookery::server
