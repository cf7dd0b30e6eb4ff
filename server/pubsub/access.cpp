#include "server/pubsub/access.h"

#include <algorithm>
#include <array>

#include "server/home/home.h"
#include "xmpp/payloads/pubsub/request.h"

namespace rookery::server::pubsub {

using xmpp::Condition;
using xmpp::pubsub::AccessModel;
using xmpp::pubsub::PublishModel;
using xmpp::pubsub::refuse_pubsub;

namespace {

constexpr std::array<std::string_view, 6> names = {"outcast", "none", "member", "publish-only", "publisher", "owner"};

bool is_in_allowed_group(const Viewer& viewer, const Leaf& leaf) {
  return std::ranges::any_of(viewer.groups, [&](const std::string& group) {
    return std::ranges::find(leaf.config.roster_groups_allowed, group) != leaf.config.roster_groups_allowed.end();
  });
}

/// By the access model alone, for one without affiliation.
bool model_admits(const Viewer& viewer, const Leaf& leaf) {
  switch (leaf.config.access_model) {
    case AccessModel::open:
    case AccessModel::authorize:
      return true;
    case AccessModel::presence:
      return viewer.sees_presence;
    case AccessModel::roster:
      return viewer.sees_presence && is_in_allowed_group(viewer, leaf);
    case AccessModel::whitelist:
      break;
  }
  return false;
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
  for (const auto& one : leaf.affiliations) {
    if (one.jid == viewer.bare()) return parse_affiliation(one.affiliation).value_or(Affiliation::none);
  }
  return Affiliation::none;
}

bool may_subscribe(const Viewer& viewer, const Leaf& leaf) {
  switch (affiliation_of(viewer, leaf)) {
    case Affiliation::outcast:
    case Affiliation::publish_only:
      return false;
    case Affiliation::none:
      return model_admits(viewer, leaf);
    default:
      return true;
  }
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

Status learn_from_rosters(storage::Stores& stores, const Leaf& leaf, Viewer& viewer) {
  const auto model = leaf.config.access_model;
  if (leaf.owner.has_local() || (model != AccessModel::presence && model != AccessModel::roster)) return {};
  for (const auto& one : leaf.affiliations) {
    const auto owner = xmpp::Jid::parse(one.jid);
    if (one.affiliation != "owner" || !owner) continue;
    const auto roster = stores.rosters().load(*owner);
    if (!roster) return std::unexpected<Error>(roster.error());
    for (const auto& item : roster->items) {
      using Subscription = storage::RosterItem::Subscription;
      const bool sees = item.subscription == Subscription::from || item.subscription == Subscription::both;
      if (!sees || item.jid.text() != viewer.bare()) continue;
      viewer.sees_presence = true;
      viewer.groups.insert(viewer.groups.end(), item.groups.begin(), item.groups.end());
    }
  }
  return {};
}

}  // namespace rookery::server::pubsub
