// XEP-0060 §5.6, §5.7, §6.3, §6.4: an entity's own subscriptions, affiliations and options.
#include "server/pubsub/subscriptions.h"
#include "xmpp/payloads/pubsub/event.h"

namespace rookery::server::pubsub {

using xmpp::Condition;

namespace {

/// The caller's subscription whose options are asked for.
Outcome<storage::PubsubSubscription> own_subscription(storage::Stores& stores, const Call& call, std::string_view node,
                                                      const xmpp::Jid& jid) {
  if (node.empty())
    return refused<storage::PubsubSubscription>(wire::refuse_pubsub(Condition::bad_request, "nodeid-required").error());
  auto found = visit(stores, call, node);
  if (auto bad = problem(found)) return bad->as<storage::PubsubSubscription>();
  if (!jid.same_bare(call.viewer.jid)) return refused<storage::PubsubSubscription>({.condition = Condition::forbidden});
  auto subscription = find_subscription(stores, (*found)->leaf, jid);
  if (auto bad = problem(subscription)) return bad->as<storage::PubsubSubscription>();
  if (!*subscription) return refused<storage::PubsubSubscription>(not_subscribed());
  return xmpp::Parsed<storage::PubsubSubscription>(std::move(**subscription));
}

}  // namespace

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetSubscriptions& wanted) {
  const auto own = stores.pubsub().subscriptions_of(call.owner, call.viewer.jid);
  if (auto bad = problem(own)) return bad->as<Answer>();
  std::vector<wire::Subscription> list;
  for (const auto& [node, subscription] : *own) {
    if (!wanted.node.empty() && node != wanted.node) continue;
    if (auto jid = xmpp::Jid::parse(subscription.jid)) {
      list.push_back({.node = node, .jid = std::move(*jid), .subscription = subscription.state, .subid = {}});
    }
  }
  Answer answer{xmpp::result_reply(call.iq), {}};
  wire::add_subscriptions_result(*answer.iq, wanted.node, list);
  answer.is_empty = list.empty();
  return answer;
}

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetAffiliations& wanted) {
  std::vector<wire::Affiliation> list;
  if (call.viewer.is_owner) {
    const auto names = stores.pubsub().node_names(call.owner);
    if (auto bad = problem(names)) return bad->as<Answer>();
    for (const auto& name : *names) {
      if (wanted.node.empty() || name == wanted.node) list.push_back({.node = name, .jid = {}, .affiliation = "owner"});
    }
  } else {
    const auto own = stores.pubsub().affiliations_of(call.owner, call.viewer.jid);
    if (auto bad = problem(own)) return bad->as<Answer>();
    for (const auto& [node, affiliation] : *own) {
      if (wanted.node.empty() || node == wanted.node)
        list.push_back({.node = node, .jid = {}, .affiliation = affiliation.affiliation});
    }
  }
  Answer answer{xmpp::result_reply(call.iq), {}};
  wire::add_affiliations_result(*answer.iq, wanted.node, list);
  answer.is_empty = list.empty();
  return answer;
}

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetOptions& wanted) {
  const auto subscription = own_subscription(stores, call, wanted.node, wanted.jid);
  if (auto bad = problem(subscription)) return bad->as<Answer>();
  Answer answer{xmpp::result_reply(call.iq), {}};
  wire::add_options_result(*answer.iq, wanted,
                           decode_options((*subscription)->options).to_form(xmpp::DataForm::Type::form));
  return answer;
}

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::SetOptions& wanted) {
  auto subscription = own_subscription(stores, call, wanted.node, wanted.jid);
  if (auto bad = problem(subscription)) return bad->as<Answer>();
  auto options = decode_options((*subscription)->options);
  if (auto applied = options.apply(wanted.form); !applied) return refused<Answer>(applied.error());
  (*subscription)->options = encode_options(options);
  if (auto set = stores.pubsub().set_subscription(call.owner, wanted.node, **subscription); !set)
    return std::unexpected<Error>(set.error());
  return Answer{xmpp::result_reply(call.iq), {}};
}

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetDefaultOptions& wanted) {
  if (!wanted.node.empty()) {
    if (auto bad = problem(visit(stores, call, wanted.node))) return bad->as<Answer>();
  }
  Answer answer{xmpp::result_reply(call.iq), {}};
  wire::add_default_options_result(*answer.iq, wanted.node,
                                   wire::SubscribeOptions{}.to_form(xmpp::DataForm::Type::form));
  answer.is_empty = wanted.node.empty();
  return answer;
}

}  // namespace rookery::server::pubsub
