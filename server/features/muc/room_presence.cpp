// XEP-0045 §7.2.2, §8, §9: what the occupants see of each other.
#include <algorithm>

#include "server/features/muc/room.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::muc {

namespace {
constexpr size_t most_given_roles = 1000;
}

void say_not_in_the_room(Node& node, const Envelope& presence) {
  auto kick = xmpp::Element::make("presence", xmpp::ns::client);
  kick->set_attr("from", presence.to.text()).set_attr("to", presence.from.text()).set_attr("type", "unavailable");
  xmpp::Element& x = xmpp::add_muc_user(*kick, {110, 307, 333});
  const xmpp::MucItem item{.affiliation = Affiliation::none,
                           .role = Role::none,
                           .jid = {},
                           .nick = {},
                           .reason = "You are not in the room.",
                           .actor_nick = {}};
  item.add_to(x);
  node.router().route({.from = presence.to, .to = presence.from, .stanza = std::move(kick), .place = 1});
}

xmpp::ElementPtr Room::make_presence(const Occupant& occupant, const PresenceNote& note, bool with_jid) const {
  // The last words of one who leaves are its own; one who is put out has none.
  xmpp::ElementPtr presence;
  if (auto words = xmpp::parse_own(occupant.presence, xmpp::ns::client))
    if (!note.is_unavailable || (*words)->attr("type") == "unavailable") presence = std::move(*words);
  if (!presence) presence = xmpp::Element::make("presence", xmpp::ns::client);
  presence->set_attr("from", occupant.jid.text());
  if (note.is_unavailable) presence->set_attr("type", "unavailable");
  presence->add("occupant-id", xmpp::ns::occupant_id).set_attr("id", occupant.id);
  if (!note.is_unavailable) hats_.add_worn_to(*presence, occupant.sessions.back());
  xmpp::Element& x = xmpp::add_muc_user(*presence, note.statuses);
  xmpp::MucItem item;
  item.affiliation = note.destroy != nullptr ? Affiliation::none : affiliation_of(occupant.sessions.back());
  item.role = note.is_unavailable && note.new_nick.empty() ? Role::none : occupant.role;
  if (with_jid) item.jid = occupant.sessions.back();
  item.nick = note.new_nick;
  item.reason = note.reason;
  item.actor_nick = note.actor;
  item.add_to(x);
  if (note.destroy != nullptr) note.destroy->add_to(x);
  return presence;
}

SharedStanzaPtr Room::presence_for_others(Occupant& occupant, const PresenceNote& note, bool with_jid) {
  const bool is_plain = !note.is_unavailable && note.statuses.empty() && note.actor.empty() && note.reason.empty();
  // Not kept is what only the moderators of an anonymous room see: they are few.
  if (!is_plain || with_jid == config_.is_anonymous()) return share(make_presence(occupant, note, with_jid));
  if (!occupant.shown || occupant.shows_jid != with_jid)
    occupant.shown = share_to_keep(make_presence(occupant, note, with_jid));
  occupant.shows_jid = with_jid;
  return occupant.shown;
}

SharedStanzaPtr Room::presence_for_self(const Occupant& occupant, const PresenceNote& note) const {
  auto presence = make_presence(occupant, note, true);
  xmpp::Element* x = presence->child("x", xmpp::ns::muc_user);
  for (const int status : note.self_statuses) x->add("status").set_attr("code", std::to_string(status));
  x->add("status").set_attr("code", "110");
  if (!note.id.empty()) presence->set_attr("id", note.id);
  return share(std::move(presence), std::max<storage::LogId>(committed_id(), 1));
}

void Room::broadcast_presence(Occupant& occupant, const PresenceNote& note) {
  Fanout fanout(node());
  const SharedStanzaPtr open = presence_for_others(occupant, note, true);
  const SharedStanzaPtr veiled = config_.is_anonymous() ? presence_for_others(occupant, note, false) : open;
  if (takeover_ && is_shown(occupant)) {
    takeover_->changed.insert(std::string(occupant.nick()));
    if (note.is_unavailable) takeover_->departed.push_back(veiled);
  }
  for (const auto& [nick, other] : occupants_) {
    if (other.get() == &occupant || !is_shown(occupant)) continue;
    const auto& variant = sees_real_jids(*other) ? open : veiled;
    for (const auto& session : other->sessions) fanout.add(session, variant);
  }
  const SharedStanzaPtr own = presence_for_self(occupant, note);
  for (const auto& session : occupant.sessions) fanout.add(session, own);
  fanout.send();
}

void Room::set_role(Occupant& occupant, Role role, PresenceNote note) {
  const bool was_shown = is_shown(occupant);
  if (was_shown && !config_.presence_broadcast.contains(role)) {
    // To the others it goes, though it stays.
    const SharedStanzaPtr gone = share(make_presence(occupant, {.is_unavailable = true}, false));
    for (const auto& [nick, other] : occupants_) {
      if (other.get() != &occupant) send_to(*other, gone);
    }
  }
  const bool saw_jids = sees_real_jids(occupant);
  occupant.role = role;
  occupant.shown = nullptr;
  broadcast_presence(occupant, note);
  if (saw_jids || !sees_real_jids(occupant)) return;
  // §5.1.1: a moderator sees the real addresses, also of those who came earlier.
  Fanout fanout(node());
  for (const auto& [nick, other] : occupants_) {
    if (other.get() == &occupant || !is_shown(*other)) continue;
    for (const auto& session : occupant.sessions) fanout.add(session, presence_for_others(*other, {}, true));
  }
  fanout.send();
}

/// §5.1: roles MAY persist across visits, and do: else a lost connection would cost voice, and entering again would
/// give it back to those from whom it was taken.
void Room::give_role(Occupant& occupant, Role role, PresenceNote note) {
  const xmpp::Jid account = occupant.account();
  const bool is_usual = role == default_role(affiliation_of(account), config_.is_moderated);
  if (is_usual || role == Role::moderator)
    given_roles_.erase(account);
  else if (given_roles_.size() < most_given_roles)
    given_roles_[account] = role;
  set_role(occupant, role, std::move(note));
}

Role Room::role_of_new(const xmpp::Jid& account) const {
  const auto given = given_roles_.find(account.bare());
  return given != given_roles_.end() ? given->second : default_role(affiliation_of(account), config_.is_moderated);
}

void Room::remove(Occupant& occupant, PresenceNote note) {
  note.is_unavailable = true;
  // §10.1.3: who leaves before it is configured leaves no room behind, and is told so.
  const xmpp::MucDestroy unexplained;
  if (is_locked_ && occupants_.size() == 1) note.destroy = &unexplained;
  broadcast_presence(occupant, note);
  for (const auto& session : occupant.sessions) note_left(session);
  left(xmpp::Jid(occupant.jid));
}

void Room::left(const xmpp::Jid& nick) {
  occupants_.erase(occupants_.find(nick.resource()));
  // §10.1.1: a temporary room ends with its last occupant; so does one that was never configured.
  // While others may come back it is not known who is the last.
  if (takeover_) return;
  if (occupants_.empty() && (!config_.is_persistent || is_locked_)) destroy(nullptr);
}

void Room::announce(const std::vector<int>& statuses) {
  auto message = xmpp::Element::make("message", xmpp::ns::client);
  message->set_attr("from", jid_.text()).set_attr("type", "groupchat");
  xmpp::add_muc_user(*message, statuses);
  broadcast(share(std::move(message)));
}

}  // namespace rookery::server::muc
