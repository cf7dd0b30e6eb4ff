// XEP-0060 §8.6 and §12.16: requests that wait for an owner, and what subscribers and owners are told.
#include "server/pubsub/subscriptions.h"

#include "crypto/random.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/pubsub/event.h"

namespace rookery::server::pubsub {

using xmpp::Condition;
using xmpp::DataForm;

namespace {

constexpr std::string_view node_var = "pubsub#node";
constexpr std::string_view subscriber_var = "pubsub#subscriber_jid";
constexpr std::string_view allow_var = "pubsub#allow";

xmpp::ElementPtr make_subscription_event(const Leaf& leaf, const xmpp::Jid& subscriber, std::string_view state,
                                         const xmpp::Jid& to) {
  auto message = xmpp::Element::make("message", xmpp::ns::client);
  message->set_attr("from", leaf.owner.text()).set_attr("to", to.text()).set_attr("id", crypto::random_token());
  wire::add_subscription_event(*message,
                               {.node = leaf.name, .jid = subscriber, .subscription = std::string(state), .subid = {}});
  return message;
}

/// Those owners who are told of subscribers: anybody can be made an owner without being asked, so of those beside the
/// creator only who has approved it.
Result<std::vector<xmpp::Jid>> willing_owners(storage::Stores& stores, const Leaf& leaf) {
  if (leaf.owner.has_local()) return std::vector{leaf.owner};
  std::vector<xmpp::Jid> owners;
  const auto creator = xmpp::Jid::parse(leaf.creator);
  if (!creator) return owners;
  for (const auto& one : leaf.affiliations) {
    if (one.affiliation != "owner") continue;
    auto jid = xmpp::Jid::parse(one.jid);
    if (!jid) continue;
    const auto approved = has_approved(stores, *jid, *creator);
    if (!approved) return std::unexpected<Error>(approved.error());
    if (*approved) owners.push_back(std::move(*jid));
  }
  return owners;
}

}  // namespace

Result<std::optional<storage::PubsubSubscription>> find_subscription(storage::Stores& stores, const Leaf& leaf,
                                                                     const xmpp::Jid& jid) {
  auto all = stores.pubsub().subscriptions_of(leaf.owner, jid);
  if (!all) return std::unexpected<Error>(all.error());
  for (auto& [node, subscription] : *all) {
    if (node == leaf.name && subscription.jid == jid.text()) return std::optional(std::move(subscription));
  }
  return std::optional<storage::PubsubSubscription>();
}

xmpp::StanzaError not_subscribed() {
  return wire::refuse_pubsub(Condition::unexpected_request, "not-subscribed").error();
}

Result<bool> has_approved(storage::Stores& stores, const xmpp::Jid& entity, const xmpp::Jid& who) {
  using Subscription = storage::RosterItem::Subscription;
  if (entity.same_bare(who)) return true;
  const auto theirs = stores.rosters().find(entity.bare(), who.bare_text());
  if (!theirs) return std::unexpected<Error>(theirs.error());
  if (*theirs) return (*theirs)->subscription == Subscription::from || (*theirs)->subscription == Subscription::both;
  const auto item = stores.rosters().find(who.bare(), entity.bare_text());
  if (!item) return std::unexpected<Error>(item.error());
  return *item && ((*item)->subscription == Subscription::to || (*item)->subscription == Subscription::both);
}

Status add_requests(storage::Stores& stores, const Leaf& leaf, const xmpp::Jid& subscriber, Effects& effects) {
  auto form = DataForm::make(DataForm::Type::form, xmpp::ns::pubsub_authorization);
  form.title = "PubSub subscriber request";
  form.instructions = {"Submit this form to approve or refuse the subscription."};
  form.add(node_var, leaf.name, "text-single", "Node ID");
  form.add(subscriber_var, subscriber.text(), "jid-single", "Subscriber Address");
  form.add_boolean(allow_var, false, "Allow this JID to subscribe to this pubsub node?");
  const auto owners = willing_owners(stores, leaf);
  if (!owners) return std::unexpected<Error>(owners.error());
  for (const auto& owner : *owners) {
    auto message = xmpp::Element::make("message", xmpp::ns::client);
    message->set_attr("from", leaf.owner.text()).set_attr("to", owner.text()).set_attr("id", crypto::random_token());
    form.add_to(*message);
    effects.messages.push_back(std::move(message));
  }
  return {};
}

Status tell_owners(storage::Stores& stores, const Leaf& leaf, const xmpp::Jid& subscriber, std::string_view state,
                   Effects& effects) {
  const auto owners = willing_owners(stores, leaf);
  if (!owners) return std::unexpected<Error>(owners.error());
  for (const auto& owner : *owners) effects.messages.push_back(make_subscription_event(leaf, subscriber, state, owner));
  return {};
}

void tell_subscriber(const Leaf& leaf, const xmpp::Jid& subscriber, std::string_view state, Effects& effects) {
  effects.messages.push_back(make_subscription_event(leaf, subscriber, state, subscriber));
}

Status change_state(storage::Stores& stores, const Leaf& leaf, storage::PubsubSubscription subscription,
                    std::string_view state, Effects& effects) {
  const bool waited = subscription.state == "pending";
  if (subscription.state == state) return {};
  subscription.state = state;
  if (auto set = stores.pubsub().set_subscription(leaf.owner, leaf.name, subscription); !set) return set;
  const auto jid = xmpp::Jid::parse(subscription.jid);
  if (!jid) return {};
  tell_subscriber(leaf, *jid, state, effects);
  return waited && state == "subscribed" ? send_last_item_to(stores, leaf, *jid, effects) : Status();
}

Status settle_access(storage::Stores& stores, const Leaf& leaf, Effects& effects) {
  auto all = stores.pubsub().subscriptions(leaf.owner, leaf.name);
  if (!all) return std::unexpected<Error>(all.error());
  const auto ended = take_unentitled(stores, leaf, *all);
  if (!ended) return std::unexpected<Error>(ended.error());
  for (const auto& one : *ended) {
    if (auto changed = change_state(stores, leaf, one, "none", effects); !changed) return changed;
  }
  if (leaf.config.access_model != wire::AccessModel::authorize) return {};
  for (const auto& one : *all) {
    const auto jid = xmpp::Jid::parse(one.jid);
    if (!jid || one.state != "subscribed") continue;
    const Viewer viewer{.jid = *jid, .is_owner = leaf.owner.has_local() && jid->same_bare(leaf.owner)};
    if (affiliation_of(viewer, leaf) != Affiliation::none) continue;
    if (auto changed = change_state(stores, leaf, one, "pending", effects); !changed) return changed;
  }
  return {};
}

std::optional<DataForm> find_authorization(const xmpp::Element& message) {
  auto form = DataForm::parse_child(message);
  if (!form || !*form || (*form)->type == DataForm::Type::form || (*form)->type == DataForm::Type::result)
    return std::nullopt;
  if ((*form)->form_type() != xmpp::ns::pubsub_authorization) return std::nullopt;
  return std::move(**form);
}

Result<Effects> authorize(storage::Stores& stores, const xmpp::Jid& owner, const Viewer& viewer, const DataForm& form) {
  Effects effects;
  const auto allow = form.boolean(allow_var);
  const auto node = form.value(node_var);
  const auto subscriber = xmpp::Jid::parse(form.value(subscriber_var).value_or(""));
  if (form.type == DataForm::Type::cancel || !allow || !*allow || !node || !subscriber) return effects;
  auto leaf = load(stores.pubsub(), owner, *node);
  if (!leaf) return std::unexpected<Error>(leaf.error());
  if (!*leaf || affiliation_of(viewer, **leaf) != Affiliation::owner) return effects;
  auto subscription = find_subscription(stores, **leaf, *subscriber);
  if (!subscription) return std::unexpected<Error>(subscription.error());
  // §8.6: the first answer counts.
  if (!*subscription || (*subscription)->state != "pending") return effects;
  if (auto changed = change_state(stores, **leaf, std::move(**subscription), **allow ? "subscribed" : "none", effects);
      !changed) {
    return std::unexpected<Error>(changed.error());
  }
  return effects;
}

}  // namespace rookery::server::pubsub
