// What a pubsub service sends: events (XEP-0060 §7.1.2 and others) and the answers to requests; and how a client reads
// them.
#pragma once

#include <vector>

#include "xmpp/payloads/pubsub/request.h"
#include "xmpp/time.h"

namespace rookery::xmpp::pubsub {

// Each appends an `<event/>` to a message. To `<items/>` any number of items or retractions may be added.
Element& add_items_event(Element& message, std::string_view node);
void add_item(Element& items, std::string_view id, const Element* payload, std::string_view publisher = {});
void add_retraction(Element& items, std::string_view id);
void add_purge_event(Element& message, std::string_view node);
void add_delete_event(Element& message, std::string_view node, std::string_view redirect_uri = {});
/// `config` is the new configuration where payloads are delivered, else null.
void add_configuration_event(Element& message, std::string_view node, const DataForm* config);

struct Subscription {
  std::string node;
  Jid jid;
  std::string subscription;  ///< "subscribed", "pending", …
  std::string subid;
};
/// A subscription has come, changed or gone (§12.16).
void add_subscription_event(Element& message, const Subscription& subscription);

struct Affiliation {
  std::string node;  ///< in an entity's own list
  Jid jid;           ///< in a node's list
  std::string affiliation;
};

// Each appends the answer to a result iq.
Element& add_items_result(Element& iq,
                          std::string_view node);         ///< add_item() goes on; RSM into the returned one's parent
void add_items_page(Element& iq, const RsmResult& page);  ///< after add_items_result
void add_publish_result(Element& iq, std::string_view node, const std::vector<std::string>& ids);
void add_create_result(Element& iq, std::string_view node);
void add_subscription_result(Element& iq, const Subscription& subscription);
void add_subscriptions_result(Element& iq, std::string_view node, const std::vector<Subscription>& subscriptions);
void add_affiliations_result(Element& iq, std::string_view node, const std::vector<Affiliation>& affiliations);
void add_node_subscriptions_result(Element& iq, std::string_view node, const std::vector<Subscription>& subscriptions);
void add_node_affiliations_result(Element& iq, std::string_view node, const std::vector<Affiliation>& affiliations);
void add_config_result(Element& iq, std::string_view node, const DataForm& form);
void add_default_config_result(Element& iq, const DataForm& form);
void add_options_result(Element& iq, const GetOptions& request, const DataForm& form);
/// After add_subscription_result(): the options that came with the subscription, §6.3.7.
void add_subscribed_options(Element& iq, const DataForm& form);
void add_default_options_result(Element& iq, std::string_view node, const DataForm& form);

/// An event as a client reads it. Who may have sent it is for the caller to check (REQUIREMENTS 30).
struct Event {
  enum class Kind { items, purge, deletion, configuration };
  struct PublishedItem {
    std::string id, publisher;
    const Element* payload = nullptr;  ///< lives as long as the message
  };
  Kind kind = Kind::items;
  std::string node;
  std::vector<PublishedItem> items;
  std::vector<std::string> retracted;

  static std::optional<Event> parse(const Element& message);
  /// The answer to a GetItems, in the form of an event.
  static std::optional<Event> parse_items_result(const Element& iq);
};

// A client's requests.
Element& add_publish(Element& iq, std::string_view node, std::string_view id, const Element* payload,
                     const DataForm* publish_options = nullptr);
void add_get_items(Element& iq, std::string_view node, std::optional<uint32_t> max_items = {},
                   const std::vector<std::string>& ids = {});
void add_retract(Element& iq, std::string_view node, std::string_view id, bool notify);

}  // namespace rookery::xmpp::pubsub
