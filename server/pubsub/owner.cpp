// XEP-0060 §8.1-8.5: what an owner does with a node.
#include "crypto/random.h"
#include "server/pubsub/call.h"
#include "server/pubsub/conversions.h"
#include "server/pubsub/subscriptions.h"
#include "xmpp/payloads/pubsub/event.h"

namespace rookery::server::pubsub {

using xmpp::Condition;

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::Create& wanted) {
  if (!call.viewer.may_create) return refused<Answer>({.condition = Condition::forbidden});
  // §8.1.2: an instant node.
  const bool instant = wanted.node.empty();
  Leaf leaf{.owner = call.owner,
            .name = instant ? crypto::random_token() : wanted.node,
            .config = default_config(call.owner),
            .affiliations = {}};
  if (!call.viewer.is_owner) {
    leaf.creator = call.viewer.bare();
    leaf.affiliations.push_back({leaf.creator, "owner"});
  }
  if (wanted.config) {
    if (auto applied = leaf.config.apply(*wanted.config); !applied) return refused<Answer>(applied.error());
  }
  const auto created = create(stores.pubsub(), leaf);
  if (auto bad = problem(created)) return bad->as<Answer>();
  Answer answer{xmpp::result_reply(call.iq), {}};
  if (instant) wire::add_create_result(*answer.iq, leaf.name);
  return answer;
}

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetConfig& wanted) {
  auto found = visit_as_owner(stores, call, wanted.node);
  if (auto bad = problem(found)) return bad->as<Answer>();
  Answer answer{xmpp::result_reply(call.iq), {}};
  wire::add_config_result(*answer.iq, wanted.node, (*found)->leaf.config.to_form(xmpp::DataForm::Type::form));
  return answer;
}

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::SetConfig& wanted) {
  auto found = visit_as_owner(stores, call, wanted.node);
  if (auto bad = problem(found)) return bad->as<Answer>();
  Leaf& leaf = (*found)->leaf;
  const auto before = leaf.config;
  if (auto applied = leaf.config.apply(wanted.form); !applied) return refused<Answer>(applied.error());
  if (auto fits = leaf.config.check_sizes(); !fits) return refused<Answer>(fits.error());
  Answer answer{xmpp::result_reply(call.iq), {}};
  if (leaf.config == before) return answer;
  if (auto saved = save(stores.pubsub(), leaf); !saved) return std::unexpected<Error>(saved.error());
  if (leaf.config.access_model != before.access_model ||
      leaf.config.roster_groups_allowed != before.roster_groups_allowed) {
    if (auto settled = settle_access(stores, leaf, answer.effects); !settled)
      return std::unexpected<Error>(settled.error());
  }
  if (leaf.config.notify_config) {
    auto message = make_message(leaf);
    const auto form = leaf.config.to_form(xmpp::DataForm::Type::result);
    wire::add_configuration_event(*message, leaf.name, leaf.config.deliver_payloads ? &form : nullptr);
    if (auto told = add_notice(stores, leaf, std::move(message), answer.effects); !told)
      return std::unexpected<Error>(told.error());
  }
  if (auto done = node_changed(stores, leaf, answer.effects); !done) return std::unexpected<Error>(done.error());
  return answer;
}

Outcome<Answer> handle(storage::Stores&, const Call& call, const wire::GetDefaultConfig&) {
  if (!call.viewer.may_create) return refused<Answer>({.condition = Condition::forbidden});
  Answer answer{xmpp::result_reply(call.iq), {}};
  wire::add_default_config_result(*answer.iq, default_config(call.owner).to_form(xmpp::DataForm::Type::form));
  return answer;
}

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::Delete& wanted) {
  auto found = visit_as_owner(stores, call, wanted.node);
  if (auto bad = problem(found)) return bad->as<Answer>();
  const Leaf& leaf = (*found)->leaf;
  Answer answer{xmpp::result_reply(call.iq), {}};
  if (leaf.config.notify_delete) {
    auto message = make_message(leaf);
    wire::add_delete_event(*message, leaf.name, wanted.redirect_uri);
    if (auto told = add_notice(stores, leaf, std::move(message), answer.effects); !told)
      return std::unexpected<Error>(told.error());
  }
  if (auto gone = stores.pubsub().remove(leaf.owner, leaf.name); !gone) return std::unexpected<Error>(gone.error());
  if (auto done = node_changed(stores, leaf, answer.effects); !done) return std::unexpected<Error>(done.error());
  return answer;
}

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::Purge& wanted) {
  auto found = visit_as_owner(stores, call, wanted.node);
  if (auto bad = problem(found)) return bad->as<Answer>();
  const Leaf& leaf = (*found)->leaf;
  if (!leaf.config.persist_items) return refused<Answer>(unsupported("persistent-items"));  // §8.5.3.3
  Answer answer{xmpp::result_reply(call.iq), {}};
  if (auto purged = stores.pubsub().purge(leaf.owner, leaf.name); !purged)
    return std::unexpected<Error>(purged.error());
  if (leaf.config.notify_retract) {
    auto message = make_message(leaf);
    wire::add_purge_event(*message, leaf.name);
    if (auto told = add_notice(stores, leaf, std::move(message), answer.effects); !told)
      return std::unexpected<Error>(told.error());
  }
  if (auto done = node_changed(stores, leaf, answer.effects); !done) return std::unexpected<Error>(done.error());
  return answer;
}

}  // namespace rookery::server::pubsub
