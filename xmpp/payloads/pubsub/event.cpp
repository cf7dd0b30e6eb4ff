#include "xmpp/payloads/pubsub/event.h"

#include "xmpp/namespaces.h"

namespace rookery::xmpp::pubsub {
namespace {

Element& add_event(Element& message, std::string_view name, std::string_view node) {
  return message.add("event", ns::pubsub_event).add(name).set_attr("node", node);
}

// <pubsub><name node='…'/></pubsub>; without node for the service as a whole.
Element& add_answer(Element& iq, std::string_view ns, std::string_view name, std::string_view node) {
  Element& answer = iq.add("pubsub", ns).add(name);
  if (!node.empty()) answer.set_attr("node", node);
  return answer;
}

void add_subscription(Element& parent, const Subscription& subscription, bool with_node) {
  Element& element = parent.add("subscription");
  if (with_node && !subscription.node.empty()) element.set_attr("node", subscription.node);
  element.set_attr("jid", subscription.jid.text());
  if (!subscription.subid.empty()) element.set_attr("subid", subscription.subid);
  element.set_attr("subscription", subscription.subscription);
}

// Reads <items/> of an event or of a result: item and retract children.
Event read_items(const Element& items) {
  Event event;
  event.node = items.attr("node");
  for (const Element& child : items.elements()) {
    if (child.ns() != items.ns()) continue;
    if (child.name() == "retract") event.retracted.emplace_back(child.attr("id"));
    if (child.name() == "item")
      event.items.push_back(
          {std::string(child.attr("id")), std::string(child.attr("publisher")), child.first_element()});
  }
  return event;
}

}  // namespace

Element& add_items_event(Element& message, std::string_view node) { return add_event(message, "items", node); }

void add_item(Element& items, std::string_view id, const Element* payload, std::string_view publisher) {
  Element& item = items.add("item");
  if (!id.empty()) item.set_attr("id", id);
  if (!publisher.empty()) item.set_attr("publisher", publisher);
  if (payload) item.add_copy(*payload);
}

void add_retraction(Element& items, std::string_view id) { items.add("retract").set_attr("id", id); }

void add_purge_event(Element& message, std::string_view node) { add_event(message, "purge", node); }

void add_delete_event(Element& message, std::string_view node, std::string_view redirect_uri) {
  Element& deletion = add_event(message, "delete", node);
  if (!redirect_uri.empty()) deletion.add("redirect").set_attr("uri", redirect_uri);
}

void add_configuration_event(Element& message, std::string_view node, const DataForm* config) {
  Element& configuration = add_event(message, "configuration", node);
  if (config) config->add_to(configuration);
}

void add_subscription_event(Element& message, const Subscription& subscription) {
  add_subscription(message.add("event", ns::pubsub_event), subscription, true);
}

Element& add_items_result(Element& iq, std::string_view node) { return add_answer(iq, ns::pubsub, "items", node); }

void add_items_page(Element& iq, const RsmResult& page) {
  Element* pubsub = iq.child("pubsub", ns::pubsub);
  ensure(pubsub != nullptr);
  page.add_to(*pubsub);
}

void add_publish_result(Element& iq, std::string_view node, const std::vector<std::string>& ids) {
  Element& publish = add_answer(iq, ns::pubsub, "publish", node);
  for (const auto& id : ids) publish.add("item").set_attr("id", id);
}

void add_create_result(Element& iq, std::string_view node) { add_answer(iq, ns::pubsub, "create", node); }

void add_subscription_result(Element& iq, const Subscription& subscription) {
  add_subscription(iq.add("pubsub", ns::pubsub), subscription, true);
}

void add_subscriptions_result(Element& iq, std::string_view node, const std::vector<Subscription>& subscriptions) {
  Element& list = add_answer(iq, ns::pubsub, "subscriptions", node);
  for (const auto& subscription : subscriptions) add_subscription(list, subscription, true);
}

void add_affiliations_result(Element& iq, std::string_view node, const std::vector<Affiliation>& affiliations) {
  Element& list = add_answer(iq, ns::pubsub, "affiliations", node);
  for (const auto& affiliation : affiliations)
    list.add("affiliation").set_attr("node", affiliation.node).set_attr("affiliation", affiliation.affiliation);
}

void add_node_subscriptions_result(Element& iq, std::string_view node, const std::vector<Subscription>& subscriptions) {
  Element& list = add_answer(iq, ns::pubsub_owner, "subscriptions", node);
  for (const auto& subscription : subscriptions) add_subscription(list, subscription, false);
}

void add_node_affiliations_result(Element& iq, std::string_view node, const std::vector<Affiliation>& affiliations) {
  Element& list = add_answer(iq, ns::pubsub_owner, "affiliations", node);
  for (const auto& affiliation : affiliations)
    list.add("affiliation").set_attr("jid", affiliation.jid.text()).set_attr("affiliation", affiliation.affiliation);
}

void add_config_result(Element& iq, std::string_view node, const DataForm& form) {
  form.add_to(add_answer(iq, ns::pubsub_owner, "configure", node));
}

void add_default_config_result(Element& iq, const DataForm& form) {
  form.add_to(add_answer(iq, ns::pubsub_owner, "default", {}));
}

void add_options_result(Element& iq, const GetOptions& request, const DataForm& form) {
  Element& options = add_answer(iq, ns::pubsub, "options", request.node);
  options.set_attr("jid", request.jid.text());
  if (!request.subid.empty()) options.set_attr("subid", request.subid);
  form.add_to(options);
}

void add_subscribed_options(Element& iq, const DataForm& form) {
  Element* pubsub = iq.child("pubsub", ns::pubsub);
  ensure(pubsub != nullptr);
  form.add_to(pubsub->add("options"));
}

void add_default_options_result(Element& iq, std::string_view node, const DataForm& form) {
  form.add_to(add_answer(iq, ns::pubsub, "default", node));
}

std::optional<Event> Event::parse(const Element& message) {
  const Element* event = message.child("event", ns::pubsub_event);
  if (!event) return std::nullopt;
  const Element* what = event->first_element();
  if (!what || what->ns() != ns::pubsub_event) return std::nullopt;
  if (what->attr("node").empty()) return std::nullopt;
  if (what->name() == "items") return read_items(*what);
  Event result;
  result.node = what->attr("node");
  if (what->name() == "purge")
    result.kind = Kind::purge;
  else if (what->name() == "delete")
    result.kind = Kind::deletion;
  else if (what->name() == "configuration")
    result.kind = Kind::configuration;
  else
    return std::nullopt;
  return result;
}

std::optional<Event> Event::parse_items_result(const Element& iq) {
  const Element* pubsub = iq.child("pubsub", ns::pubsub);
  const Element* items = pubsub ? pubsub->child("items", ns::pubsub) : nullptr;
  if (!items || items->attr("node").empty()) return std::nullopt;
  return read_items(*items);
}

Element& add_publish(Element& iq, std::string_view node, std::string_view id, const Element* payload,
                     const DataForm* publish_options) {
  Element& pubsub = iq.add("pubsub", ns::pubsub);
  Element& publish = pubsub.add("publish").set_attr("node", node);
  add_item(publish, id, payload);
  if (publish_options) publish_options->add_to(pubsub.add("publish-options"));
  return pubsub;
}

void add_get_items(Element& iq, std::string_view node, std::optional<uint32_t> max_items,
                   const std::vector<std::string>& ids) {
  Element& items = add_answer(iq, ns::pubsub, "items", node);
  if (max_items) items.set_attr("max_items", std::to_string(*max_items));
  for (const auto& id : ids) items.add("item").set_attr("id", id);
}

void add_retract(Element& iq, std::string_view node, std::string_view id, bool notify) {
  Element& retract = add_answer(iq, ns::pubsub, "retract", node);
  if (notify) retract.set_attr("notify", "true");
  retract.add("item").set_attr("id", id);
}

}  // namespace rookery::xmpp::pubsub
