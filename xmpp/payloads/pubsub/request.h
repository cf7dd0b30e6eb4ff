// Publish-Subscribe requests, XEP-0060: one iq, one struct.
#pragma once

#include <variant>
#include <vector>

#include "xmpp/payloads/data_form.h"
#include "xmpp/payloads/result_set.h"

namespace rookery::xmpp::pubsub {

// A publisher's requests; an empty node where the schema allows it means the service as a whole.

struct Item {
  std::string id;                    ///< empty: the service chooses
  const Element* payload = nullptr;  ///< lives as long as the request; null for a notification without payload
};
struct Publish {
  std::string node;
  std::vector<Item> items;
  std::optional<DataForm> options;  ///< preconditions, §7.1.5
};
struct Retract {
  std::string node;
  std::vector<std::string> ids;
  bool notify = false;
};

// A subscriber's requests.

struct GetItems {
  std::string node;
  std::optional<uint32_t> max_items;
  std::vector<std::string> ids;
  std::string subid;
  RsmRequest page;
};
struct Subscribe {
  std::string node;
  Jid jid;
  std::optional<DataForm> options;
};
struct Unsubscribe {
  std::string node;
  Jid jid;
  std::string subid;
};
struct GetSubscriptions {
  std::string node;
};
struct GetAffiliations {
  std::string node;
};
struct GetOptions {
  std::string node;
  Jid jid;
  std::string subid;
};
struct SetOptions {
  std::string node;
  Jid jid;
  std::string subid;
  DataForm form;
};
struct GetDefaultOptions {
  std::string node;
};

// An owner's requests.

struct Create {
  std::string node;  ///< empty: an instant node, §8.1.2
  std::optional<DataForm> config;
};
struct GetConfig {
  std::string node;
};
struct SetConfig {
  std::string node;
  DataForm form;  ///< of type submit or cancel
};
struct GetDefaultConfig {};
struct Delete {
  std::string node;
  std::string redirect_uri;
};
struct Purge {
  std::string node;
};
struct GetNodeSubscriptions {
  std::string node;
};
struct SubscriptionChange {
  Jid jid;
  std::string subscription;  ///< none, pending, subscribed or unconfigured
  std::string subid;
};
struct SetNodeSubscriptions {
  std::string node;
  std::vector<SubscriptionChange> changes;
};
struct GetNodeAffiliations {
  std::string node;
};
struct AffiliationChange {
  Jid jid;
  std::string affiliation;  ///< member, none, outcast, owner, publisher or publish-only
};
struct SetNodeAffiliations {
  std::string node;
  std::vector<AffiliationChange> changes;
};

using Request =
    std::variant<Publish, Retract, GetItems, Subscribe, Unsubscribe, GetSubscriptions, GetAffiliations, GetOptions,
                 SetOptions, GetDefaultOptions, Create, GetConfig, SetConfig, GetDefaultConfig, Delete, Purge,
                 GetNodeSubscriptions, SetNodeSubscriptions, GetNodeAffiliations, SetNodeAffiliations>;

/// An iq of type get or set with `<pubsub/>` of either request namespace. Errors carry the pubsub-specific condition
/// that XEP-0060 names: nodeid-required, item-required, invalid-payload, jid-required, ….
Parsed<Request> parse_request(const Element& iq);

/// `refuse()` with a condition of pubsub#errors.
std::unexpected<StanzaError> refuse_pubsub(Condition condition, std::string_view pubsub_condition,
                                           std::string text = {});

}  // namespace rookery::xmpp::pubsub
