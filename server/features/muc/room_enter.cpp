// XEP-0045 §7.2 entering, §7.6 another nick, §7.7 another availability, §7.14 leaving.
#include <algorithm>

#include "server/features/muc/room.h"
#include "server/features/muc/rooms.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server::muc {

using xmpp::Condition;

namespace {

/// §16.3, RFC 6120 §8.3.3: the session cannot be reached any more.
bool means_gone(Condition condition) {
  switch (condition) {
    case Condition::gone:
    case Condition::internal_server_error:
    case Condition::item_not_found:
    case Condition::jid_malformed:
    case Condition::recipient_unavailable:
    case Condition::redirect:
    case Condition::remote_server_not_found:
    case Condition::remote_server_timeout:
    case Condition::service_unavailable:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string own_words(xmpp::ElementPtr presence) {
  std::vector<const xmpp::Element*> foreign;
  for (const auto& child : presence->elements()) {
    const bool is_rooms = child.ns() == xmpp::ns::muc || child.ns() == xmpp::ns::muc_user ||
                          child.ns() == xmpp::ns::hats || child.is("occupant-id", xmpp::ns::occupant_id);
    if (is_rooms) foreign.push_back(&child);
  }
  for (const auto* child : foreign) presence->remove(*child);
  for (const auto* attribute : {"from", "to", "id"}) presence->remove_attr(attribute);
  std::string words = presence->to_xml(xmpp::ns::client);
  words.shrink_to_fit();
  return words;
}

void Room::receive_presence(Envelope& envelope) {
  node().router().accept(envelope);
  const auto type = envelope.stanza->attr("type");
  Occupant* occupant = occupant_of(envelope.from);
  if (type == "error") return receive_error(envelope);
  if (type == "unavailable") {
    if (occupant == nullptr) return;
    if (occupant->sessions.size() == 1) occupant->presence = own_words(std::move(envelope.stanza));
    return leave(*occupant, envelope.from, {});
  }
  if (!type.empty()) return;  // a room has no roster
  const auto join = xmpp::MucJoin::parse(*envelope.stanza);
  if (envelope.to.is_bare()) {
    // §7.2.1: without a nick nobody enters. Presence of one who is inside concerns his nick, whoever it was addressed
    // to.
    if (occupant == nullptr || join) return refuse(envelope, Condition::jid_malformed, "A nick is needed");
    envelope.to = occupant->jid;
  }
  if (occupant == nullptr) {
    if (!join) return say_not_in_the_room(node(), envelope);
    return enter(envelope, *join);
  }
  if (occupant->nick() != envelope.to.resource()) return change_nick(envelope, *occupant, join);
  const std::string id(envelope.stanza->attr("id"));
  const std::string before = std::exchange(occupant->presence, own_words(std::move(envelope.stanza)));
  occupant->shown = nullptr;
  if (!join) return broadcast_presence(*occupant, {});
  if (occupant->presence != before) show_to_others(*occupant);  // §16.3: they have not seen it yet
  synchronize(*occupant, envelope.from, id, *join);
}

// §7.2.1, §15.3: one that asks to enter where it is has lost its state; it gets all that it would get on entering.
void Room::synchronize(const Occupant& occupant, const xmpp::Jid& session, std::string id, const xmpp::MucJoin& join) {
  send_state(occupant, session, entry_note(std::move(id)));
  Fanout fanout(node());
  send_history(session, join, fanout);
  fanout.send();
}

void Room::show_to_others(Occupant& occupant) {
  if (!is_shown(occupant)) return;
  if (takeover_) takeover_->changed.insert(std::string(occupant.nick()));
  for (const auto& [nick, other] : occupants_) {
    if (other.get() != &occupant) send_to(*other, presence_for_others(occupant, {}, sees_real_jids(*other)));
  }
}

/// What one who enters is told of the room in its own presence.
PresenceNote Room::entry_note(std::string id) const {
  PresenceNote note{.id = std::move(id)};
  if (!config_.is_anonymous()) note.self_statuses.push_back(100);
  if (keeps_archive()) note.self_statuses.push_back(170);
  return note;
}

bool Room::nick_is_taken(std::string_view nick, const xmpp::Jid& by) const {
  const auto holder = occupants_.find(nick);
  if (holder != occupants_.end() && !holder->second->sessions.front().same_bare(by)) return true;
  return std::ranges::any_of(members_,
                             [&](const auto& each) { return each.second.nick == nick && !each.first.same_bare(by); });
}

std::optional<xmpp::StanzaError> Room::refuse_entry(const Envelope& envelope, const xmpp::MucJoin& join) {
  const auto error = [](Condition condition, std::string text = {}) {
    return xmpp::StanzaError{.condition = condition, .text = std::move(text)};
  };
  const Affiliation affiliation = affiliation_of(envelope.from);
  if (affiliation == Affiliation::outcast)
    return error(Condition::forbidden, "You are banned from this room");                         // §7.2.8
  if (is_locked_ && affiliation != Affiliation::owner) return error(Condition::item_not_found);  // §7.2.11
  if (config_.members_only && affiliation < Affiliation::member) {
    return error(Condition::registration_required, "Only members may enter");  // §7.2.7
  }
  if (config_.password_protected && join.password != config_.password)
    return error(Condition::not_authorized);  // §7.2.6
  const auto nick = envelope.to.resource();
  if (nick.size() > longest_nick_bytes) return error(Condition::not_acceptable, "That nick is too long");
  if (nick_is_taken(nick, envelope.from)) return error(Condition::conflict, "Somebody else has that nick");  // §7.2.9
  // §7.2.10: admins and owners always find a place.
  const size_t allowed = node().config().muc_occupants;
  const size_t places = config_.max_users == 0 ? allowed : std::min<size_t>(config_.max_users, allowed);
  const bool is_full = occupants_.size() >= places && occupant_named(nick) == nullptr;
  if (is_full && affiliation < Affiliation::admin) return error(Condition::service_unavailable, "The room is full");
  return std::nullopt;
}

void Room::enter(Envelope& envelope, const xmpp::MucJoin& join) {
  if (const auto error = refuse_entry(envelope, join)) return refuse(envelope, *error);
  PresenceNote note = entry_note(std::string(envelope.stanza->attr("id")));
  if (is_locked_ && occupants_.empty()) note.self_statuses.push_back(201);
  add_session(envelope.to, envelope.from, own_words(std::move(envelope.stanza)), std::move(note));
  Fanout fanout(node());
  send_history(envelope.from, join, fanout);
  fanout.send();
}

Occupant& Room::add_session(const xmpp::Jid& nick, const xmpp::Jid& session, std::string presence, PresenceNote note) {
  if (Occupant* same = occupant_named(nick.resource())) {
    // Another client of the same account: for the others nothing happens.
    same->sessions.push_back(session);
    same->presence = std::move(presence);
    same->shown = nullptr;
    by_session_[session.text()] = same;
    send_state(*same, session, note);
    return *same;
  }
  auto made = std::make_unique<Occupant>();
  Occupant& occupant = *made;
  occupant.jid = nick;
  occupant.role = role_of_new(session);
  occupant.id = occupant_id(session);
  occupant.sessions = {session};
  occupant.presence = std::move(presence);
  if (takeover_) takeover_->entered.insert(std::string(nick.resource()));
  // §7.2.2: first who is here, then to all who has come, itself last.
  Fanout fanout(node());
  for (const auto& [other_nick, other] : occupants_) {
    if (is_shown(*other)) fanout.add(session, presence_for_others(*other, {}, sees_real_jids(occupant)));
  }
  fanout.send();
  occupants_.emplace(std::string(nick.resource()), std::move(made));
  by_session_[session.text()] = &occupant;
  broadcast_presence(occupant, note);
  return occupant;
}

void Room::send_state(const Occupant& occupant, const xmpp::Jid& session, const PresenceNote& note) {
  Fanout fanout(node());
  for (const auto& [nick, other] : occupants_) {
    if (other.get() != &occupant && is_shown(*other))
      fanout.add(session, presence_for_others(*other, {}, sees_real_jids(occupant)));
  }
  fanout.add(session, presence_for_self(occupant, note));
  fanout.send();
}

void Room::change_nick(Envelope& envelope, Occupant& occupant, const std::optional<xmpp::MucJoin>& join) {
  const xmpp::Jid wanted = envelope.to, session = envelope.from;
  if (wanted.resource().size() > longest_nick_bytes)
    return refuse(envelope, Condition::not_acceptable, "That nick is too long");
  if (nick_is_taken(wanted.resource(), session))
    return refuse(envelope, Condition::conflict, "Somebody else has that nick");
  std::string id(envelope.stanza->attr("id"));
  std::string presence = own_words(std::move(envelope.stanza));
  const PresenceNote note{.statuses = {303}, .new_nick = std::string(wanted.resource()), .is_unavailable = true};
  if (occupant.sessions.size() > 1 || occupant_named(wanted.resource()) != nullptr) {
    // Only this client goes: its nick stays with the others, or it joins those that have the new one.
    leave(occupant, session, note);
    add_session(wanted, session, std::move(presence), join ? entry_note(std::move(id)) : PresenceNote());
    Fanout fanout(node());
    if (join) send_history(session, *join, fanout);
    return fanout.send();
  }
  broadcast_presence(occupant, note);
  auto moved = occupants_.extract(occupants_.find(occupant.nick()));
  moved.key() = std::string(wanted.resource());
  occupant.jid = wanted;
  occupant.presence = std::move(presence);
  occupant.shown = nullptr;
  occupants_.insert(std::move(moved));
  if (!join) return broadcast_presence(occupant, {});
  show_to_others(occupant);
  synchronize(occupant, session, std::move(id), *join);
}

void Room::leave(Occupant& occupant, const xmpp::Jid& session, PresenceNote note) {
  note.is_unavailable = true;
  if (occupant.sessions.size() > 1) {
    Fanout fanout(node());
    fanout.add(session, presence_for_self(occupant, note));
    fanout.send();
    std::erase(occupant.sessions, session);
    note_left(session);
    occupant.shown = nullptr;
    return;
  }
  const bool moves = !note.new_nick.empty();
  if (!moves) return remove(occupant, std::move(note));
  broadcast_presence(occupant, note);
  note_left(session);
  occupants_.erase(occupants_.find(occupant.nick()));
}

// A stanza could not be delivered to one who seems to be here: a client that vanished.
void Room::receive_error(Envelope& envelope) {
  node().router().accept(envelope);
  Occupant* occupant = occupant_of(envelope.from);
  if (occupant == nullptr) return;
  const auto error = xmpp::StanzaError::parse(*envelope.stanza);
  // What a private message was answered with goes to who wrote it.
  Occupant* author = envelope.to.is_bare() ? nullptr : occupant_named(envelope.to.resource());
  const bool is_private = author != nullptr && author->private_to.contains(std::string(occupant->nick()));
  if (is_private && envelope.stanza->name() == "message") {
    auto relayed = envelope.stanza->clone();
    relayed->set_attr("from", occupant->jid.text());
    relayed->set_attr("to", author->sessions.back().text());
    node().router().send(std::move(relayed));
    if (!error || error->condition == Condition::service_unavailable) return;
  }
  if (!error || !means_gone(error->condition)) return;
  occupant->presence.clear();
  leave(*occupant, envelope.from, {.statuses = {333}});
}

}  // namespace rookery::server::muc
