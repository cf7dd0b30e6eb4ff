// XEP-0060 §6.1 and §6.2: subscribe and unsubscribe.
#include "server/pubsub/call.h"
#include "server/pubsub/items.h"
#include "server/pubsub/subscriptions.h"
#include "xmpp/payloads/pubsub/event.h"

namespace rookery::server::pubsub {

using xmpp::Condition;

namespace {

constexpr size_t most_subscriptions_of_one = 1000;  ///< of one bare JID at one account or service

Outcome<void> check_numbers(storage::Stores& stores, const Call& call, const Leaf& leaf) {
  const auto own = stores.pubsub().subscriptions_of(call.owner, call.viewer.jid);
  if (auto bad = problem(own)) return bad->as<void>();
  const auto all = stores.pubsub().subscriptions(call.owner, leaf.name);
  if (auto bad = problem(all)) return bad->as<void>();
  if (own->size() < most_subscriptions_of_one && all->size() < most_subscribers) return xmpp::Parsed<void>();
  return refused<void>(wire::refuse_pubsub(Condition::policy_violation, "too-many-subscriptions").error());  // §6.1.3.9
}

/// §6.1.3, §6.1.4: the state that a new subscription begins in.
Outcome<std::string> first_state(const Visit& visit) {
  if (!visit.leaf.config.allows_subscriptions) return refused<std::string>(unsupported("subscribe"));
  if (!may_subscribe(visit.viewer, visit.leaf)) return refused<std::string>(refusal(visit.viewer, visit.leaf));
  const bool asks =
      visit.leaf.config.access_model == wire::AccessModel::authorize && visit.affiliation == Affiliation::none;
  return xmpp::Parsed<std::string>(asks ? "pending" : "subscribed");
}

/// §6.1.7
Status add_last_item(storage::Stores& stores, const Leaf& leaf, const xmpp::Jid& to, Effects& effects) {
  if (leaf.config.send_last_published_item == wire::SendLastItem::never || !leaf.config.persist_items) return {};
  const auto viewer = stored_viewer(stores, leaf, to);
  if (!viewer) return std::unexpected<Error>(viewer.error());
  if (!may_read(*viewer, leaf, true)) return {};
  auto item = last_item(stores, leaf.owner, leaf.name);
  if (!item) return std::unexpected<Error>(item.error());
  if (*item) effects.messages.push_back(make_last_item(leaf, **item, to));
  return {};
}

}  // namespace

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::Subscribe& wanted) {
  if (wanted.node.empty())
    return refused<Answer>(wire::refuse_pubsub(Condition::bad_request, "nodeid-required").error());
  auto found = visit(stores, call, wanted.node);
  if (auto bad = problem(found)) return bad->as<Answer>();
  const Visit& visit = **found;
  // §6.1.3.1
  if (!wanted.jid.same_bare(call.viewer.jid))
    return refused<Answer>(wire::refuse_pubsub(Condition::bad_request, "invalid-jid").error());
  auto state = first_state(visit);
  if (auto bad = problem(state)) return bad->as<Answer>();
  auto existing = find_subscription(stores, visit.leaf, wanted.jid);
  if (auto bad = problem(existing)) return bad->as<Answer>();
  if (*existing && (*existing)->state == "pending") {
    if (**state == "pending")  // §6.1.3.7
      return refused<Answer>(wire::refuse_pubsub(Condition::not_authorized, "pending-subscription").error());
    (*existing)->state = **state;  // the node needs no approval any more
  }
  // §6.1.6: who asks again hears what there is.
  storage::PubsubSubscription subscription = existing->value_or(
      storage::PubsubSubscription{.jid = wanted.jid.text(), .subid = {}, .state = **state, .options = {}});
  auto options = decode_options(subscription.options);
  if (wanted.options) {
    if (auto applied = options.apply(*wanted.options); !applied) return refused<Answer>(applied.error());
    subscription.options = encode_options(options);
  }
  if (!*existing) {
    if (auto bad = problem(check_numbers(stores, call, visit.leaf))) return bad->as<Answer>();
  }
  if (auto set = stores.pubsub().set_subscription(call.owner, wanted.node, subscription); !set)
    return std::unexpected<Error>(set.error());
  Answer answer{xmpp::result_reply(call.iq), {}};
  wire::add_subscription_result(
      *answer.iq, {.node = wanted.node, .jid = wanted.jid, .subscription = subscription.state, .subid = {}});
  if (wanted.options) wire::add_subscribed_options(*answer.iq, options.to_form(xmpp::DataForm::Type::result));
  if (subscription.state == "pending") {
    if (auto asked = add_requests(stores, visit.leaf, wanted.jid, answer.effects); !asked)
      return std::unexpected<Error>(asked.error());
    return answer;
  }
  if (!*existing && visit.leaf.config.notify_sub) {
    if (auto told = tell_owners(stores, visit.leaf, wanted.jid, subscription.state, answer.effects); !told)
      return std::unexpected<Error>(told.error());
  }
  if (auto added = add_last_item(stores, visit.leaf, wanted.jid, answer.effects); !added)
    return std::unexpected<Error>(added.error());
  return answer;
}

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::Unsubscribe& wanted) {
  if (wanted.node.empty())
    return refused<Answer>(wire::refuse_pubsub(Condition::bad_request, "nodeid-required").error());
  auto found = visit(stores, call, wanted.node);
  if (auto bad = problem(found)) return bad->as<Answer>();
  if (!wanted.jid.same_bare(call.viewer.jid)) return refused<Answer>({.condition = Condition::forbidden});  // §6.2.3.3
  auto existing = find_subscription(stores, (*found)->leaf, wanted.jid);
  if (auto bad = problem(existing)) return bad->as<Answer>();
  if (!*existing) return refused<Answer>(not_subscribed());
  (*existing)->state = "none";
  if (auto set = stores.pubsub().set_subscription(call.owner, wanted.node, **existing); !set)
    return std::unexpected<Error>(set.error());
  Answer answer{xmpp::result_reply(call.iq), {}};
  if (!(*found)->leaf.config.notify_sub) return answer;
  if (auto told = tell_owners(stores, (*found)->leaf, wanted.jid, "none", answer.effects); !told)
    return std::unexpected<Error>(told.error());
  return answer;
}

Status send_last_item_to(storage::Stores& stores, const Leaf& leaf, const xmpp::Jid& to, Effects& effects) {
  return add_last_item(stores, leaf, to, effects);
}

}  // namespace rookery::server::pubsub
