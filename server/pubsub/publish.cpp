// XEP-0060 §7: publish and retract.
#include <algorithm>

#include "crypto/random.h"
#include "server/pubsub/call.h"
#include "server/pubsub/conversions.h"
#include "server/pubsub/items.h"
#include "storage/pubsub_bytes.h"
#include "xmpp/payloads/pubsub/event.h"

namespace rookery::server::pubsub {

using xmpp::Condition;

namespace {

/// §7.1.3.6 and §12.9: does the request fit the kind of events that the node has?
xmpp::Parsed<void> check(const wire::Publish& wanted, const wire::NodeConfig& config, size_t limit) {
  if (wanted.items.empty()) {
    if (config.persist_items || config.deliver_payloads)
      return wire::refuse_pubsub(Condition::bad_request, "item-required");
    return {};
  }
  if (!config.persist_items && !config.deliver_payloads)
    return wire::refuse_pubsub(Condition::bad_request, "item-forbidden");
  if (config.persist_items && wanted.items.size() > limit)
    return wire::refuse_pubsub(Condition::not_allowed, "max-items-exceeded");
  for (const auto& item : wanted.items) {
    if (item.id.size() > most_id_bytes) return xmpp::refuse(Condition::bad_request, "the item's id is too long");
    if (config.deliver_payloads && item.payload == nullptr)
      return wire::refuse_pubsub(Condition::bad_request, "payload-required");
    if (item.payload != nullptr && item.payload->to_xml().size() > config.max_payload_size) {
      return wire::refuse_pubsub(Condition::not_acceptable, "payload-too-big");
    }
  }
  return {};
}

storage::PubsubItem to_store(const Call& call, const wire::Item& given) {
  return {.id = given.id.empty() ? crypto::random_token() : given.id,
          .publisher = call.viewer.jid.text(),
          .payload = given.payload != nullptr ? given.payload->to_xml() : std::string(),
          .published = now()};
}

/// Is each of them an item that is there already, and no larger than that?
Result<bool> only_replaces(storage::Stores& stores, const Call& call, const Leaf& leaf, const wire::Publish& wanted) {
  for (const auto& given : wanted.items) {
    if (given.id.empty()) return false;
    const auto old = stores.pubsub().item(leaf.owner, leaf.name, given.id);
    if (!old && old.error().failure == Failure::not_found) return false;
    if (!old) return std::unexpected(old.error());
    if (size_of(to_store(call, given)) > size_of(*old)) return false;
  }
  return true;
}

/// Whoever answers for the node may have no more kept than its quota; the last item may go a bit beyond.
Outcome<void> check_quota(storage::Stores& stores, const Call& call, const Leaf& leaf, const wire::Publish& wanted) {
  if (call.quota_bytes == 0 || leaf.item_limit() == 0) return xmpp::Parsed<void>();
  const auto usage = stores.pubsub().usage(leaf.owner, leaf.creator);
  if (!usage) return std::unexpected<Error>(usage.error());
  if (usage->bytes < call.quota_bytes) return xmpp::Parsed<void>();
  const auto adds_nothing = only_replaces(stores, call, leaf, wanted);
  if (!adds_nothing) return std::unexpected<Error>(adds_nothing.error());
  if (*adds_nothing) return xmpp::Parsed<void>();
  return refused<void>({.condition = Condition::resource_constraint,
                        .text = "the quota of " + std::to_string(call.quota_bytes) + " bytes is used up"});
}

/// XEP-0163 §3 creates what is not there; §7.1.5 checks what is.
Outcome<Visit> node_to_publish_at(storage::Stores& stores, const Call& call, const wire::Publish& wanted) {
  auto found = visit(stores, call, wanted.node);
  if (!found) return found;
  if (*found) {
    const Visit& visit = **found;
    if (!may_publish(visit.viewer, visit.leaf, visit.is_subscribed))
      return refused<Visit>({.condition = Condition::forbidden});
    if (wanted.options) {
      if (auto met = visit.leaf.config.check_publish_options(*wanted.options); !met) return refused<Visit>(met.error());
    }
    if (auto fits = check(wanted, visit.leaf.config, visit.leaf.item_limit()); !fits)
      return refused<Visit>(fits.error());
    if (auto bad = problem(check_quota(stores, call, visit.leaf, wanted))) return bad->as<Visit>();
    return found;
  }
  if ((*found).error().condition != Condition::item_not_found || !call.viewer.may_create) return found;
  Visit made{
      .leaf = {.owner = call.owner, .name = wanted.node, .config = default_config(call.owner), .affiliations = {}},
      .viewer = call.viewer,
      .affiliation = Affiliation::owner};
  if (!call.viewer.is_owner) {
    made.leaf.creator = call.viewer.bare();
    made.leaf.affiliations.push_back({made.leaf.creator, "owner"});
  }
  if (wanted.options) {
    if (auto applied = made.leaf.config.apply_publish_options(*wanted.options); !applied)
      return refused<Visit>(applied.error());
  }
  // What is refused leaves no node behind.
  if (auto fits = check(wanted, made.leaf.config, made.leaf.item_limit()); !fits) return refused<Visit>(fits.error());
  if (auto bad = problem(check_quota(stores, call, made.leaf, wanted))) return bad->as<Visit>();
  const auto created = create(stores.pubsub(), made.leaf);
  if (auto bad = problem(created)) return bad->as<Visit>();
  return xmpp::Parsed<Visit>(std::move(made));
}

/// §4.1: one who may only publish takes back only what is its own.
Outcome<void> may_retract(storage::Stores& stores, const Visit& visit, const wire::Retract& wanted) {
  for (const auto& id : wanted.ids) {
    const auto item = stores.pubsub().item(visit.leaf.owner, visit.leaf.name, id);
    if (!item && item.error().failure == Failure::not_found)
      return refused<void>({.condition = Condition::item_not_found});
    if (auto bad = problem(item)) return bad->as<void>();
    if (visit.affiliation == Affiliation::owner || visit.affiliation == Affiliation::publisher) continue;
    const auto publisher = xmpp::Jid::parse(item->publisher);
    const bool own = publisher && publisher->same_bare(visit.viewer.jid);
    if (!own || !may_publish(visit.viewer, visit.leaf, visit.is_subscribed))
      return refused<void>({.condition = Condition::forbidden});
  }
  return xmpp::Parsed<void>();
}

}  // namespace

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::Publish& wanted) {
  auto found = node_to_publish_at(stores, call, wanted);
  if (auto bad = problem(found)) return bad->as<Answer>();
  const Leaf& leaf = (*found)->leaf;
  Answer answer{xmpp::result_reply(call.iq), {}};
  std::vector<std::string> ids;
  for (const auto& given : wanted.items) {
    const auto item = to_store(call, given);
    ids.push_back(item.id);
    if (auto put = put_item(stores, leaf, item, given.payload, answer.effects); !put)
      return std::unexpected<Error>(put.error());
  }
  if (wanted.items.empty()) {  // a bare notification: an empty <items/>
    auto message = make_message(leaf);
    wire::add_items_event(*message, leaf.name);
    if (auto told = add_notice(stores, leaf, std::move(message), answer.effects); !told)
      return std::unexpected<Error>(told.error());
  }
  wire::add_publish_result(*answer.iq, wanted.node, ids);
  if (auto done = node_changed(stores, leaf, answer.effects); !done) return std::unexpected<Error>(done.error());
  return answer;
}

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::Retract& wanted) {
  auto found = visit(stores, call, wanted.node);
  if (auto bad = problem(found)) return bad->as<Answer>();
  const Visit& visit = **found;
  if (visit.affiliation == Affiliation::outcast ||
      (visit.affiliation <= Affiliation::member && !may_publish(visit.viewer, visit.leaf, visit.is_subscribed))) {
    return refused<Answer>({.condition = Condition::forbidden});
  }
  if (!visit.leaf.config.persist_items) return refused<Answer>(unsupported("persistent-items"));  // §7.2.3.5
  const auto allowed = may_retract(stores, visit, wanted);
  if (auto bad = problem(allowed)) return bad->as<Answer>();
  Answer answer{xmpp::result_reply(call.iq), {}};
  const bool notify = wanted.notify || visit.leaf.config.notify_retract;
  if (auto taken = take_items(stores, visit.leaf, wanted.ids, notify, answer.effects); !taken)
    return std::unexpected<Error>(taken.error());
  if (auto done = node_changed(stores, visit.leaf, answer.effects); !done) return std::unexpected<Error>(done.error());
  return answer;
}

}  // namespace rookery::server::pubsub
