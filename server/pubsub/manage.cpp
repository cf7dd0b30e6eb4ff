// XEP-0060 §8.8 and §8.9: an owner looks after subscriptions and affiliations.
#include <algorithm>
#include <map>
#include <set>

#include "server/pubsub/subscriptions.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/pubsub/event.h"

namespace rookery::server::pubsub {

using xmpp::Condition;

namespace {

constexpr size_t most_affiliations = 20'000;  ///< of one node
constexpr size_t most_owners = 50;            ///< of one node

/// §8.8.2.4, §8.9.2.4: the error names the entries that were wrong as they still are.
template <typename Entry, typename Add>
xmpp::ElementPtr refuse_entries(const Call& call, std::string_view node, const std::vector<Entry>& wrong, Add add) {
  auto made = xmpp::result_reply(call.iq);
  made->set_attr("type", "error");
  add(*made, node, wrong);
  xmpp::StanzaError{.condition = Condition::not_acceptable}.add_to(*made);
  return made;
}

/// By bare JID; who is not in it has none.
using Affiliations = std::map<std::string, std::string, std::less<>>;

std::string find_affiliation(const Affiliations& all, std::string_view jid) {
  const auto found = all.find(jid);
  return found == all.end() ? "none" : found->second;
}

size_t count_owners(const Affiliations& all) {
  return static_cast<size_t>(std::ranges::count_if(all, [](const auto& one) { return one.second == "owner"; }));
}

/// §8.9.2.4: somebody has to stay owner. An account is the one owner of its nodes (XEP-0163 §3).
bool is_allowed(const Leaf& leaf, const wire::AffiliationChange& change, std::string_view before, size_t owners) {
  if (leaf.owner.has_local()) return !change.jid.same_bare(leaf.owner) && change.affiliation != "owner";
  if (change.affiliation == "owner") return owners < most_owners;
  return before != "owner" || owners > 1;
}

/// §8.6, end: a new affiliation may settle a request that waits, or end a subscription.
Status settle_subscriptions(storage::Stores& stores, const Leaf& leaf, const std::vector<wire::AffiliationChange>& done,
                            Effects& effects) {
  std::vector<storage::PubsubSubscription> doubtful;
  for (const auto& change : done) {
    const auto own = stores.pubsub().subscriptions_of(leaf.owner, change.jid);
    if (!own) return std::unexpected<Error>(own.error());
    const auto affiliation = parse_affiliation(change.affiliation).value_or(Affiliation::none);
    const bool admitted = affiliation != Affiliation::none && affiliation != Affiliation::outcast &&
                          affiliation != Affiliation::publish_only;
    for (const auto& [node, subscription] : *own) {
      if (node != leaf.name) continue;
      if (!admitted) {
        doubtful.push_back(subscription);
      } else if (auto changed = change_state(stores, leaf, subscription, "subscribed", effects); !changed) {
        return changed;
      }
    }
  }
  const auto ended = take_unentitled(stores, leaf, doubtful);
  if (!ended) return std::unexpected<Error>(ended.error());
  for (const auto& one : *ended) {
    if (auto changed = change_state(stores, leaf, one, "none", effects); !changed) return changed;
  }
  return {};
}

/// May an owner subscribe somebody who has not asked (§8.8.2)? Each publication is a message to it, so it has to have
/// approved the owner; and the node has to admit it.
Result<bool> may_enrol(storage::Stores& stores, const Call& call, const Leaf& leaf, const xmpp::Jid& jid) {
  if (!jid.is_bare() && !jid.same_bare(call.viewer.jid)) return false;
  const auto approved = has_approved(stores, jid, call.viewer.jid);
  if (!approved || !*approved) return approved;
  const auto viewer = stored_viewer(stores, leaf, jid);
  if (!viewer) return std::unexpected<Error>(viewer.error());
  return may_subscribe(*viewer, leaf);
}

}  // namespace

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetNodeSubscriptions& wanted) {
  auto found = visit_as_owner(stores, call, wanted.node);
  if (auto bad = problem(found)) return bad->as<Answer>();
  const auto all = stores.pubsub().subscriptions(call.owner, wanted.node);
  if (auto bad = problem(all)) return bad->as<Answer>();
  std::vector<wire::Subscription> list;
  for (const auto& one : *all) {
    if (auto jid = xmpp::Jid::parse(one.jid))
      list.push_back({.node = {}, .jid = std::move(*jid), .subscription = one.state, .subid = {}});
  }
  Answer answer{xmpp::result_reply(call.iq), {}};
  wire::add_node_subscriptions_result(*answer.iq, wanted.node, list);
  return answer;
}

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::SetNodeSubscriptions& wanted) {
  auto found = visit_as_owner(stores, call, wanted.node);
  if (auto bad = problem(found)) return bad->as<Answer>();
  const Leaf& leaf = (*found)->leaf;
  const auto all = stores.pubsub().subscriptions(leaf.owner, leaf.name);
  if (auto bad = problem(all)) return bad->as<Answer>();
  size_t room = most_subscribers - std::min(most_subscribers, all->size());
  Answer answer;
  std::vector<wire::Subscription> wrong;
  for (const auto& change : wanted.changes) {
    auto existing = find_subscription(stores, leaf, change.jid);
    if (auto bad = problem(existing)) return bad->as<Answer>();
    if (!*existing && change.subscription == "none") continue;
    bool right =
        change.subscription == "none" || change.subscription == "subscribed" || change.subscription == "pending";
    if (right && !*existing) {
      const auto allowed = change.subscription == "subscribed" && room > 0 ? may_enrol(stores, call, leaf, change.jid)
                                                                           : Result<bool>(false);
      if (auto bad = problem(allowed)) return bad->as<Answer>();
      right = *allowed;
      room -= static_cast<size_t>(right);
    }
    if (!right) {
      wrong.push_back(
          {.node = {}, .jid = change.jid, .subscription = *existing ? (*existing)->state : "none", .subid = {}});
      continue;
    }
    auto subscription = existing->value_or(
        storage::PubsubSubscription{.jid = change.jid.text(), .subid = {}, .state = "none", .options = {}});
    if (auto changed = change_state(stores, leaf, std::move(subscription), change.subscription, answer.effects);
        !changed) {
      return std::unexpected<Error>(changed.error());
    }
  }
  answer.iq = wrong.empty() ? xmpp::result_reply(call.iq)
                            : refuse_entries(call, wanted.node, wrong, wire::add_node_subscriptions_result);
  return answer;
}

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetNodeAffiliations& wanted) {
  auto found = visit_as_owner(stores, call, wanted.node);
  if (auto bad = problem(found)) return bad->as<Answer>();
  std::vector<wire::Affiliation> list;
  if (call.owner.has_local()) list.push_back({.node = {}, .jid = call.owner, .affiliation = "owner"});
  for (const auto& [text, affiliation] : (*found)->leaf.affiliations) {
    if (auto jid = xmpp::Jid::parse(text))
      list.push_back({.node = {}, .jid = std::move(*jid), .affiliation = affiliation});
  }
  Answer answer{xmpp::result_reply(call.iq), {}};
  wire::add_node_affiliations_result(*answer.iq, wanted.node, list);
  return answer;
}

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::SetNodeAffiliations& wanted) {
  auto found = visit_as_owner(stores, call, wanted.node);
  if (auto bad = problem(found)) return bad->as<Answer>();
  Leaf& leaf = (*found)->leaf;
  if (leaf.affiliations.size() + wanted.changes.size() > most_affiliations)
    return refused<Answer>({.condition = Condition::resource_constraint});
  std::set<std::string_view> named;
  for (const auto& change : wanted.changes) {
    if (!named.insert(change.jid.bare_text()).second)
      return refused<Answer>({.condition = Condition::bad_request});  // §8.9.2.4
  }
  Affiliations all;
  for (auto& [jid, affiliation] : leaf.affiliations) all.insert_or_assign(std::move(jid), std::move(affiliation));
  size_t owners = count_owners(all);
  Answer answer;
  std::vector<wire::Affiliation> wrong;
  std::vector<wire::AffiliationChange> done;
  for (const auto& change : wanted.changes) {
    const std::string jid(change.jid.bare_text());
    const bool is_account = leaf.owner.has_local() && change.jid.same_bare(leaf.owner);
    const std::string before = is_account ? "owner" : find_affiliation(all, jid);
    if (before == change.affiliation) continue;
    if (!is_allowed(leaf, change, before, owners)) {
      wrong.push_back({.node = {}, .jid = change.jid.bare(), .affiliation = before});
      continue;
    }
    owners += static_cast<size_t>(change.affiliation == "owner");
    owners -= static_cast<size_t>(before == "owner");
    if (auto set = stores.pubsub().set_affiliation(leaf.owner, leaf.name, {jid, change.affiliation}); !set)
      return std::unexpected<Error>(set.error());
    all[jid] = change.affiliation;
    done.push_back(change);
  }
  leaf.affiliations.clear();
  for (const auto& [jid, affiliation] : all) leaf.affiliations.push_back({jid, affiliation});
  if (!leaf.creator.empty() && find_affiliation(all, leaf.creator) != "owner") {
    // Then the one who sees to it answers for the node, or the first to look after it, see visit_as_owner().
    leaf.creator = find_affiliation(all, call.viewer.bare()) == "owner" ? call.viewer.bare() : std::string_view();
    if (auto saved = save(stores.pubsub(), leaf); !saved) return std::unexpected<Error>(saved.error());
  }
  if (auto settled = settle_subscriptions(stores, leaf, done, answer.effects); !settled)
    return std::unexpected<Error>(settled.error());
  answer.iq = wrong.empty() ? xmpp::result_reply(call.iq)
                            : refuse_entries(call, wanted.node, wrong, wire::add_node_affiliations_result);
  return answer;
}

}  // namespace rookery::server::pubsub
