#include "server/pubsub/access.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <unordered_map>

#include "server/home/home.h"
#include "xmpp/payloads/pubsub/request.h"

namespace rookery::server::pubsub {

using xmpp::Condition;
using xmpp::pubsub::AccessModel;
using xmpp::pubsub::NodeConfig;
using xmpp::pubsub::PublishModel;
using xmpp::pubsub::refuse_pubsub;

namespace {

constexpr std::array<std::string_view, 6> names = {"outcast", "none", "member", "publish-only", "publisher", "owner"};

bool asks_roster(const NodeConfig& config) {
  return config.access_model == AccessModel::presence || config.access_model == AccessModel::roster;
}

/// What somebody is to the account whose roster counts.
struct Relation {
  bool sees_presence = false;
  std::span<const std::string> groups = {};
};

/// By the access model alone, for one without affiliation.
bool model_admits(const NodeConfig& config, const Relation& relation) {
  const auto is_allowed = [&](const std::string& group) {
    return std::ranges::find(config.roster_groups_allowed, group) != config.roster_groups_allowed.end();
  };
  switch (config.access_model) {
    case AccessModel::open:
    case AccessModel::authorize:
      return true;
    case AccessModel::presence:
      return relation.sees_presence;
    case AccessModel::roster:
      return relation.sees_presence && std::ranges::any_of(relation.groups, is_allowed);
    case AccessModel::whitelist:
      break;
  }
  return false;
}

bool admits(const NodeConfig& config, Affiliation affiliation, const Relation& relation) {
  switch (affiliation) {
    case Affiliation::outcast:
    case Affiliation::publish_only:
      return false;
    case Affiliation::none:
      return model_admits(config, relation);
    default:
      return true;
  }
}

bool sees_presence(const storage::RosterItem& item) {
  using Subscription = storage::RosterItem::Subscription;
  return item.subscription == Subscription::from || item.subscription == Subscription::both;
}

/// Whose roster counts; nullopt: nobody's.
std::optional<xmpp::Jid> roster_owner(const Leaf& leaf) {
  if (leaf.owner.has_local()) return leaf.owner;
  auto creator = xmpp::Jid::parse(leaf.creator);
  return creator ? std::optional(std::move(*creator)) : std::nullopt;
}

Status look_up(storage::Stores& stores, const Leaf& leaf, Viewer& viewer) {
  const auto owner = asks_roster(leaf.config) ? roster_owner(leaf) : std::nullopt;
  if (!owner) return {};
  auto item = stores.rosters().find(*owner, viewer.bare());
  if (!item) return std::unexpected<Error>(item.error());
  if (!*item || !sees_presence(**item)) return {};
  viewer.sees_presence = true;
  viewer.groups = std::move((*item)->groups);
  return {};
}

}  // namespace

std::string_view to_string(Affiliation affiliation) { return names[static_cast<size_t>(affiliation)]; }

std::optional<Affiliation> parse_affiliation(std::string_view name) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Affiliation>(found - names.begin());
}

Viewer viewer(const Home& home, const xmpp::Jid& jid) {
  Viewer result{.jid = jid, .is_owner = jid.same_bare(home.jid())};
  result.sees_presence = result.is_owner || home.may_see_presence(jid);
  if (auto item = home.contact(jid.bare_text())) result.groups = std::move(item->groups);
  result.may_create = result.is_owner;
  return result;
}

Affiliation affiliation_of(const Viewer& viewer, const Leaf& leaf) {
  if (viewer.is_owner) return Affiliation::owner;
  const auto found = std::ranges::lower_bound(leaf.affiliations, viewer.bare(), {}, &storage::PubsubAffiliation::jid);
  if (found == leaf.affiliations.end() || found->jid != viewer.bare()) return Affiliation::none;
  return parse_affiliation(found->affiliation).value_or(Affiliation::none);
}

bool may_subscribe(const Viewer& viewer, const Leaf& leaf) {
  return admits(leaf.config, affiliation_of(viewer, leaf), {viewer.sees_presence, viewer.groups});
}

bool may_read(const Viewer& viewer, const Leaf& leaf, bool is_subscribed) {
  if (!may_subscribe(viewer, leaf)) return false;
  if (leaf.config.access_model != AccessModel::authorize || is_subscribed) return true;
  return affiliation_of(viewer, leaf) != Affiliation::none;
}

bool may_publish(const Viewer& viewer, const Leaf& leaf, bool is_subscribed) {
  switch (affiliation_of(viewer, leaf)) {
    case Affiliation::outcast:
      return false;
    case Affiliation::owner:
    case Affiliation::publisher:
    case Affiliation::publish_only:
      return true;
    default:
      break;
  }
  if (leaf.config.publish_model == PublishModel::open) return true;
  return leaf.config.publish_model == PublishModel::subscribers && is_subscribed;
}

xmpp::StanzaError refusal(const Viewer& viewer, const Leaf& leaf) {
  const auto affiliation = affiliation_of(viewer, leaf);
  if (affiliation == Affiliation::outcast || affiliation == Affiliation::publish_only)
    return {.condition = Condition::forbidden};
  switch (leaf.config.access_model) {
    case AccessModel::presence:
      return refuse_pubsub(Condition::not_authorized, "presence-subscription-required").error();
    case AccessModel::roster:
      return refuse_pubsub(Condition::not_authorized, "not-in-roster-group").error();
    case AccessModel::authorize:
      return refuse_pubsub(Condition::not_authorized, "not-subscribed").error();
    default:
      return refuse_pubsub(Condition::not_allowed, "closed-node").error();
  }
}

Status learn_from_roster(storage::Stores& stores, const Leaf& leaf, Viewer& viewer) {
  return leaf.owner.has_local() ? Status() : look_up(stores, leaf, viewer);
}

Result<Viewer> stored_viewer(storage::Stores& stores, const Leaf& leaf, const xmpp::Jid& jid) {
  Viewer viewer{.jid = jid, .is_owner = leaf.owner.has_local() && jid.same_bare(leaf.owner)};
  if (auto looked = look_up(stores, leaf, viewer); !looked) return std::unexpected<Error>(looked.error());
  return viewer;
}

Result<std::vector<storage::PubsubSubscription>> take_unentitled(
    storage::Stores& stores, const Leaf& leaf, std::vector<storage::PubsubSubscription>& subscriptions) {
  std::vector<storage::PubsubSubscription> taken;
  const bool is_for_all =
      leaf.config.access_model == AccessModel::open || leaf.config.access_model == AccessModel::authorize;
  const bool shuts_out = std::ranges::any_of(leaf.affiliations, [](const auto& one) {
    return one.affiliation == to_string(Affiliation::outcast) ||
           one.affiliation == to_string(Affiliation::publish_only);
  });
  if (subscriptions.empty() || (is_for_all && !shuts_out)) return taken;
  std::unordered_map<std::string_view, Affiliation> affiliations;
  for (const auto& one : leaf.affiliations)
    affiliations.emplace(one.jid, parse_affiliation(one.affiliation).value_or(Affiliation::none));
  if (leaf.owner.has_local()) affiliations[leaf.owner.text()] = Affiliation::owner;
  storage::Roster roster;
  if (const auto owner = asks_roster(leaf.config) ? roster_owner(leaf) : std::nullopt) {
    auto loaded = stores.rosters().load(*owner);
    if (!loaded) return std::unexpected<Error>(loaded.error());
    roster = std::move(*loaded);
  }
  std::unordered_map<std::string_view, Relation> relations;
  for (const auto& item : roster.items) relations.emplace(item.jid.text(), Relation{sees_presence(item), item.groups});
  const auto gone = std::ranges::partition(subscriptions, [&](const storage::PubsubSubscription& one) {
    const auto bare = std::string_view(one.jid).substr(0, one.jid.find('/'));
    const auto affiliation = affiliations.find(bare);
    const auto relation = relations.find(bare);
    return admits(leaf.config, affiliation == affiliations.end() ? Affiliation::none : affiliation->second,
                  relation == relations.end() ? Relation() : relation->second);
  });
  taken.assign(std::move_iterator(gone.begin()), std::move_iterator(gone.end()));
  subscriptions.erase(gone.begin(), gone.end());
  return taken;
}

}  // namespace rookery::server::pubsub
