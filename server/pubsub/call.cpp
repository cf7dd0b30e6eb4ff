#include "server/pubsub/call.h"

namespace rookery::server::pubsub {

using xmpp::Condition;

Outcome<Visit> visit(storage::Stores& stores, const Call& call, std::string_view node) {
  auto leaf = load(stores.pubsub(), call.owner, node);
  if (!leaf) return std::unexpected<Error>(leaf.error());
  if (!*leaf) return refused<Visit>({.condition = Condition::item_not_found});
  Visit visit{.leaf = std::move(**leaf), .viewer = call.viewer};
  visit.affiliation = affiliation_of(visit.viewer, visit.leaf);
  if (auto learned = learn_from_roster(stores, visit.leaf, visit.viewer); !learned)
    return std::unexpected<Error>(learned.error());
  if (visit.viewer.is_owner) return xmpp::Parsed<Visit>(std::move(visit));
  const auto own = stores.pubsub().subscriptions_of(call.owner, call.viewer.jid);
  if (!own) return std::unexpected<Error>(own.error());
  for (const auto& [at, subscription] : *own) {
    if (at != node) continue;
    visit.is_subscribed = visit.is_subscribed || subscription.state == "subscribed";
    visit.is_pending = visit.is_pending || subscription.state == "pending";
  }
  // A subscription is worth nothing to one who is not admitted any more.
  visit.is_subscribed = visit.is_subscribed && may_subscribe(visit.viewer, visit.leaf);
  return xmpp::Parsed<Visit>(std::move(visit));
}

Outcome<Visit> visit_as_owner(storage::Stores& stores, const Call& call, std::string_view node) {
  auto found = visit(stores, call, node);
  if (found && *found && (*found)->affiliation != Affiliation::owner)
    return refused<Visit>({.condition = Condition::forbidden});
  if (!found || !*found || call.owner.has_local() || !(*found)->leaf.creator.empty()) return found;
  // Whoever looks after a node that its creator has left answers for it from now on.
  (*found)->leaf.creator = call.viewer.bare();
  if (auto saved = save(stores.pubsub(), (*found)->leaf); !saved) return std::unexpected<Error>(saved.error());
  return found;
}

xmpp::StanzaError unsupported(std::string_view feature) {
  auto error = wire::refuse_pubsub(Condition::feature_not_implemented, "unsupported").error();
  error.application_feature = feature;
  return error;
}

}  // namespace rookery::server::pubsub
