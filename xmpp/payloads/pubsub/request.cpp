#include "xmpp/payloads/pubsub/request.h"

#include <algorithm>
#include <array>

#include "xmpp/namespaces.h"

namespace rookery::xmpp::pubsub {
namespace {

constexpr std::array subscriptions = {"none", "pending", "subscribed", "unconfigured"};
constexpr std::array affiliations = {"member", "none", "outcast", "owner", "publisher", "publish-only"};

Parsed<std::string> required_node(const Element& action) {
  if (action.attr("node").empty()) return refuse_pubsub(Condition::bad_request, "nodeid-required");
  return std::string(action.attr("node"));
}

Parsed<Jid> required_jid(const Element& action) {
  if (!action.has_attr("jid")) return refuse_pubsub(Condition::bad_request, "jid-required");
  return parse_jid_attribute(action, "jid");
}

// A form inside an element of its own: <configure/>, <options/>, <publish-options/>.
Parsed<std::optional<DataForm>> form_in(const Element& pubsub, std::string_view name) {
  const Element* wrapper = pubsub.child(name, pubsub.ns());
  if (!wrapper) return std::nullopt;
  return DataForm::parse_child(*wrapper);
}

Parsed<Request> parse_publish(const Element& pubsub, const Element& action) {
  auto node = required_node(action);
  if (!node) return std::unexpected(node.error());
  Publish publish{std::move(*node), {}, {}};
  for (const Element& item : action.elements()) {
    if (!item.is("item", ns::pubsub)) continue;
    const Element* payload = item.first_element();
    // §7.1.3.5: at most one payload.
    if (payload && payload->next_element()) return refuse_pubsub(Condition::bad_request, "invalid-payload");
    publish.items.push_back({std::string(item.attr("id")), payload});
  }
  auto options = form_in(pubsub, "publish-options");
  if (!options) return std::unexpected(options.error());
  publish.options = std::move(*options);
  return publish;
}

Parsed<Request> parse_retract(const Element&, const Element& action) {
  auto node = required_node(action);
  if (!node) return std::unexpected(node.error());
  const auto notify = parse_boolean_attribute(action, "notify");
  if (!notify) return std::unexpected(notify.error());
  Retract retract{std::move(*node), {}, *notify};
  for (const Element& item : action.elements()) {
    if (!item.is("item", ns::pubsub)) continue;
    if (item.attr("id").empty()) return refuse_pubsub(Condition::bad_request, "item-required");
    retract.ids.emplace_back(item.attr("id"));
  }
  if (retract.ids.empty()) return refuse_pubsub(Condition::bad_request, "item-required");
  return retract;
}

Parsed<Request> parse_items(const Element& pubsub, const Element& action) {
  auto node = required_node(action);
  if (!node) return std::unexpected(node.error());
  GetItems get{std::move(*node), {}, {}, std::string(action.attr("subid")), {}};
  if (action.has_attr("max_items")) {
    get.max_items = parse_uint32(action.attr("max_items"));
    if (!get.max_items || *get.max_items == 0) return refuse(Condition::bad_request, "max_items is no positive number");
  }
  for (const Element& item : action.elements()) {
    if (!item.is("item", ns::pubsub)) continue;
    if (item.attr("id").empty()) return refuse(Condition::bad_request, "an item has no id");
    get.ids.emplace_back(item.attr("id"));
  }
  auto page = RsmRequest::parse_child(pubsub);  // §6.5.4: beside <items/>
  if (!page) return std::unexpected(page.error());
  get.page = std::move(*page);
  return get;
}

Parsed<Request> parse_subscribe(const Element& pubsub, const Element& action) {
  auto jid = required_jid(action);
  if (!jid) return std::unexpected(jid.error());
  auto options = form_in(pubsub, "options");
  if (!options) return std::unexpected(options.error());
  return Subscribe{std::string(action.attr("node")), std::move(*jid), std::move(*options)};
}

Parsed<Request> parse_unsubscribe(const Element&, const Element& action) {
  auto jid = required_jid(action);
  if (!jid) return std::unexpected(jid.error());
  return Unsubscribe{std::string(action.attr("node")), std::move(*jid), std::string(action.attr("subid"))};
}

Parsed<Request> parse_get_options(const Element&, const Element& action) {
  auto jid = required_jid(action);
  if (!jid) return std::unexpected(jid.error());
  return GetOptions{std::string(action.attr("node")), std::move(*jid), std::string(action.attr("subid"))};
}

Parsed<Request> parse_set_options(const Element&, const Element& action) {
  auto jid = required_jid(action);
  if (!jid) return std::unexpected(jid.error());
  auto form = DataForm::parse_child(action);
  if (!form) return std::unexpected(form.error());
  if (!*form) return refuse_pubsub(Condition::bad_request, "invalid-options");
  return SetOptions{std::string(action.attr("node")), std::move(*jid), std::string(action.attr("subid")),
                    std::move(**form)};
}

Parsed<Request> parse_create(const Element& pubsub, const Element& action) {
  auto config = form_in(pubsub, "configure");
  if (!config) return std::unexpected(config.error());
  return Create{std::string(action.attr("node")), std::move(*config)};
}

Parsed<Request> parse_set_config(const Element&, const Element& action) {
  auto node = required_node(action);
  if (!node) return std::unexpected(node.error());
  auto form = DataForm::parse_child(action);
  if (!form) return std::unexpected(form.error());
  if (!*form) return refuse(Condition::bad_request, "the configuration has no form");
  const bool right_type = (*form)->type == DataForm::Type::submit || (*form)->type == DataForm::Type::cancel;
  if (!right_type) return refuse(Condition::bad_request, "the configuration form is not submitted");
  return SetConfig{std::move(*node), std::move(**form)};
}

Parsed<Request> parse_delete(const Element&, const Element& action) {
  auto node = required_node(action);
  if (!node) return std::unexpected(node.error());
  const Element* redirect = action.child("redirect", ns::pubsub_owner);
  return Delete{std::move(*node), redirect ? std::string(redirect->attr("uri")) : std::string()};
}

Parsed<Request> parse_set_subscriptions(const Element&, const Element& action) {
  auto node = required_node(action);
  if (!node) return std::unexpected(node.error());
  SetNodeSubscriptions set{std::move(*node), {}};
  for (const Element& child : action.elements()) {
    if (!child.is("subscription", ns::pubsub_owner)) continue;
    auto jid = parse_jid_attribute(child, "jid");
    if (!jid) return std::unexpected(jid.error());
    if (std::ranges::find(subscriptions, child.attr("subscription")) == subscriptions.end())
      return refuse(Condition::not_acceptable, "unknown subscription state");  // §8.8.2.2
    set.changes.push_back({std::move(*jid), std::string(child.attr("subscription")), std::string(child.attr("subid"))});
  }
  return set;
}

Parsed<Request> parse_set_affiliations(const Element&, const Element& action) {
  auto node = required_node(action);
  if (!node) return std::unexpected(node.error());
  SetNodeAffiliations set{std::move(*node), {}};
  for (const Element& child : action.elements()) {
    if (!child.is("affiliation", ns::pubsub_owner)) continue;
    auto jid = parse_jid_attribute(child, "jid");
    if (!jid) return std::unexpected(jid.error());
    if (std::ranges::find(affiliations, child.attr("affiliation")) == affiliations.end())
      return refuse(Condition::not_acceptable, "unknown affiliation");  // §8.9.2.2
    set.changes.push_back({std::move(*jid), std::string(child.attr("affiliation"))});
  }
  return set;
}

Parsed<Request> parse_default(const Element&, const Element&) { return GetDefaultConfig{}; }

template <typename T>
Parsed<Request> parse_node_optional(const Element&, const Element& action) {
  return T{std::string(action.attr("node"))};
}

template <typename T>
Parsed<Request> parse_node_required(const Element&, const Element& action) {
  auto node = required_node(action);
  if (!node) return std::unexpected(node.error());
  return T{std::move(*node)};
}

struct Rule {
  std::string_view name, ns, iq_type;
  Parsed<Request> (*parse)(const Element& pubsub, const Element& action);
};
// The order decides which element of a <pubsub/> with two is the action: <create/> before its <configure/>,
// <subscribe/> before its <options/>.
constexpr Rule rules[] = {
    {"publish", ns::pubsub, "set", parse_publish},
    {"retract", ns::pubsub, "set", parse_retract},
    {"items", ns::pubsub, "get", parse_items},
    {"subscribe", ns::pubsub, "set", parse_subscribe},
    {"unsubscribe", ns::pubsub, "set", parse_unsubscribe},
    {"subscriptions", ns::pubsub, "get", parse_node_optional<GetSubscriptions>},
    {"affiliations", ns::pubsub, "get", parse_node_optional<GetAffiliations>},
    {"options", ns::pubsub, "get", parse_get_options},
    {"options", ns::pubsub, "set", parse_set_options},
    {"default", ns::pubsub, "get", parse_node_optional<GetDefaultOptions>},
    {"create", ns::pubsub, "set", parse_create},
    {"configure", ns::pubsub_owner, "get", parse_node_required<GetConfig>},
    {"configure", ns::pubsub_owner, "set", parse_set_config},
    {"default", ns::pubsub_owner, "get", parse_default},
    {"delete", ns::pubsub_owner, "set", parse_delete},
    {"purge", ns::pubsub_owner, "set", parse_node_required<Purge>},
    {"subscriptions", ns::pubsub_owner, "get", parse_node_required<GetNodeSubscriptions>},
    {"subscriptions", ns::pubsub_owner, "set", parse_set_subscriptions},
    {"affiliations", ns::pubsub_owner, "get", parse_node_required<GetNodeAffiliations>},
    {"affiliations", ns::pubsub_owner, "set", parse_set_affiliations},
};

}  // namespace

Parsed<Request> parse_request(const Element& iq) {
  const Element* pubsub = iq.child("pubsub", ns::pubsub);
  if (!pubsub) pubsub = iq.child("pubsub", ns::pubsub_owner);
  if (!pubsub) return refuse(Condition::bad_request, "no pubsub request");
  bool known = false;
  for (const Rule& rule : rules) {
    if (rule.ns != pubsub->ns()) continue;
    const Element* action = pubsub->child(rule.name, rule.ns);
    if (!action) continue;
    if (rule.iq_type == iq.attr("type")) return rule.parse(*pubsub, *action);
    known = true;
  }
  if (known) return refuse(Condition::bad_request, "wrong type of iq");
  if (!pubsub->first_element()) return refuse(Condition::bad_request, "an empty pubsub request");
  return refuse(Condition::feature_not_implemented, "this pubsub request is not supported");
}

std::unexpected<StanzaError> refuse_pubsub(Condition condition, std::string_view pubsub_condition, std::string text) {
  return refuse(condition, std::move(text), pubsub_condition, ns::pubsub_errors);
}

}  // namespace rookery::xmpp::pubsub
