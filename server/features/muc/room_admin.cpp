// XEP-0045 §8-10, muc#admin: lists, and changes of roles and affiliations.
#include <algorithm>

#include "server/features/muc/room.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server::muc {

using xmpp::Condition;

void Room::get_list(IqRequest request) {
  const auto items = xmpp::parse_muc_admin(request.payload());
  if (!items) return request.fail(items.error());
  const xmpp::MucItem& wanted = items->front();
  const Standing asking = standing_of(request.from());
  auto result = request.make_result();
  xmpp::Element& query = result->add("query", xmpp::ns::muc_admin);
  if (wanted.role) {
    if (asking.role != Role::moderator) return request.fail(Condition::forbidden);  // §8.5, §9.8
    for (const auto& [nick, occupant] : occupants_) {
      if (occupant->role != *wanted.role) continue;
      const xmpp::MucItem item{.affiliation = affiliation_of(occupant->account()),
                               .role = occupant->role,
                               .jid = occupant->sessions.back(),
                               .nick = nick,
                               .reason = {},
                               .actor_nick = {}};
      item.add_to(query);
    }
    return request.reply(std::move(result));
  }
  // §7.11: where real addresses are known to all, occupants may ask who belongs to the room; bans are the admins'
  // matter.
  const bool is_trusted = asking.affiliation >= Affiliation::member || config_.member_list.contains(asking.role);
  const bool may_ask = asking.affiliation >= Affiliation::admin ||
                       (!config_.is_anonymous() && is_trusted && asking.affiliation != Affiliation::outcast &&
                        *wanted.affiliation >= Affiliation::member);
  if (!may_ask) return request.fail(Condition::forbidden);
  for (const auto& [jid, known] : members_) {
    if (known.affiliation != *wanted.affiliation) continue;
    const xmpp::MucItem item{.affiliation = known.affiliation,
                             .role = {},
                             .jid = jid,
                             .nick = known.nick,
                             .reason = known.reason,
                             .actor_nick = {}};
    item.add_to(query);
  }
  request.reply(std::move(result));
}

bool Room::is_last_owner(const xmpp::Jid& jid) const {
  return std::ranges::none_of(
      members_, [&](const auto& each) { return each.second.affiliation == Affiliation::owner && each.first != jid; });
}

/// Completes the item (bare JID for an affiliation); what may not be is refused.
std::optional<xmpp::StanzaError> Room::check_item(const xmpp::Jid& actor, xmpp::MucItem& item) {
  const auto error = [](Condition condition) { return std::optional(xmpp::StanzaError{.condition = condition}); };
  const Standing acting = standing_of(actor);
  if (item.reason.size() > longest_reason_bytes) return error(Condition::not_acceptable);
  const bool is_named = item.nick && !item.nick->empty();
  if (is_named) {
    const auto prepared = jid_.with_resource(*item.nick);
    if (!prepared || prepared->resource().size() > longest_nick_bytes) return error(Condition::not_acceptable);
    item.nick = prepared->resource();
  }
  const Occupant* target = is_named ? occupant_named(*item.nick) : nullptr;
  if (item.role) {
    if (acting.role != Role::moderator) return error(Condition::forbidden);
    if (target == nullptr) return error(Condition::item_not_found);
    const auto refused =
        refuse_role(acting, {.affiliation = affiliation_of(target->account()), .role = target->role}, *item.role);
    return refused ? error(*refused) : std::nullopt;
  }
  if (acting.affiliation < Affiliation::admin) return error(Condition::forbidden);
  if (!item.jid && target != nullptr) item.jid = target->account();
  if (!item.jid) return error(is_named ? Condition::item_not_found : Condition::bad_request);
  item.jid = item.jid->bare();
  if (!item.jid->has_local() && *item.affiliation > Affiliation::none) return error(Condition::bad_request);
  const auto refused = refuse_affiliation(acting.affiliation, affiliation_of(*item.jid), *item.affiliation,
                                          item.jid->same_bare(actor), is_last_owner(*item.jid));
  return refused ? error(*refused) : std::nullopt;
}

/// §10.5: a room has an owner, also when several are dismissed at once.
bool Room::keeps_an_owner(const std::vector<xmpp::MucItem>& items) const {
  std::map<xmpp::Jid, Affiliation> after;
  for (const auto& item : items) {
    if (item.affiliation) after[*item.jid] = *item.affiliation;
  }
  if (after.empty() || std::ranges::any_of(after, [](const auto& each) { return each.second == Affiliation::owner; }))
    return true;
  return std::ranges::any_of(members_, [&](const auto& each) {
    return each.second.affiliation == Affiliation::owner && !after.contains(each.first);
  });
}

void Room::change_list(IqRequest request) {
  auto items = xmpp::parse_muc_admin(request.payload());
  if (!items) return request.fail(items.error());
  // All or nothing: first everything is checked.
  for (auto& item : *items) {
    if (const auto error = check_item(request.from(), item)) return request.fail(*error);
  }
  if (!keeps_an_owner(*items)) return request.fail(Condition::conflict);
  std::vector<xmpp::Jid> listed;
  for (const auto& item : *items) {
    if (item.affiliation && *item.affiliation != Affiliation::none) listed.push_back(*item.jid);
  }
  if (!has_place_for(listed)) return request.fail(Condition::resource_constraint, lists_are_full);
  const Occupant* actor = occupant_of(request.from());
  const std::string actor_nick(actor != nullptr ? actor->nick() : std::string_view());
  std::vector<xmpp::Jid> changed;
  for (const auto& item : *items) {
    if (item.affiliation) {
      apply_affiliation(*item.jid, item, actor_nick);
      changed.push_back(*item.jid);
      continue;
    }
    Occupant* target = occupant_named(item.nick.value_or(""));
    if (target == nullptr || is_destroyed_) continue;  // an earlier item has put it out
    PresenceNote note{.actor = actor_nick, .reason = item.reason};
    if (*item.role != Role::none) {
      give_role(*target, *item.role, std::move(note));
      continue;
    }
    note.statuses = {307};
    remove(*target, std::move(note));
  }
  save_members(changed, [request = std::move(request)](const Status& stored) mutable {
    if (!stored) return request.fail(stored.error());
    request.reply();
  });
}

void Room::member_deleted(const xmpp::Jid& account) {
  const Member* known = member(account);
  if (known == nullptr || known->affiliation == Affiliation::outcast || is_destroyed_) return;
  const xmpp::MucItem none{
      .affiliation = Affiliation::none, .role = {}, .jid = {}, .nick = {}, .reason = {}, .actor_nick = {}};
  apply_affiliation(account, none, {});
}

void Room::apply_affiliation(const xmpp::Jid& jid, const xmpp::MucItem& item, const std::string& actor) {
  set_member(jid, *item.affiliation, item.reason);
  given_roles_.erase(jid);
  // §9.5: an admin may reserve the nick of a member, as long as it is free, and take it back.
  const bool is_free = item.nick && (item.nick->empty() || !nick_is_taken(*item.nick, jid));
  if (*item.affiliation >= Affiliation::member && is_free) members_[jid].nick = *item.nick;
  std::vector<std::string> concerned;
  for (const auto& [nick, occupant] : occupants_) {
    const xmpp::Jid account = occupant->account();
    if (account == jid || (!jid.has_local() && account.domain_jid() == jid && member(account) == nullptr))
      concerned.push_back(nick);
  }
  for (const auto& nick : concerned) {
    Occupant* occupant = occupant_named(nick);
    if (occupant == nullptr) continue;
    PresenceNote note{.actor = actor, .reason = item.reason};
    const bool is_banned = *item.affiliation == Affiliation::outcast;
    if (is_banned || (config_.members_only && *item.affiliation < Affiliation::member)) {
      note.statuses = {is_banned ? 301 : 321};
      remove(*occupant, std::move(note));
      continue;
    }
    set_role(*occupant, default_role(*item.affiliation, config_.is_moderated), std::move(note));
  }
  if (!concerned.empty() || is_destroyed_) return;
  // §9.3 and others: who is not here has no presence to tell it.
  auto message = xmpp::Element::make("message", xmpp::ns::client);
  message->set_attr("from", jid_.text());
  const xmpp::MucItem told{
      .affiliation = *item.affiliation, .role = Role::none, .jid = jid, .nick = {}, .reason = {}, .actor_nick = {}};
  told.add_to(xmpp::add_muc_user(*message));
  const SharedStanzaPtr shared = share(std::move(message));
  send_to_all(shared, [this](const Occupant& occupant) { return sees_real_jids(occupant); });
}

}  // namespace rookery::server::muc
