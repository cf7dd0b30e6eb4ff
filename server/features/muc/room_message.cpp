// XEP-0045 §7.4 messages to all, §7.5 private ones, §8.1 the subject.
#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>

#include "server/features/muc/room.h"
#include "server/home/message_rules.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server::muc {

using xmpp::Condition;

namespace {

/// Only the room says these (XEP-0359 §6, XEP-0421 §3.2, XEP-0313 §7.2); an own <delay/> would put a message into the
/// past.
void remove_claims(xmpp::Element& message, const xmpp::Jid& room) {
  std::vector<const xmpp::Element*> claims;
  for (const auto& child : message.elements()) {
    const bool is_claim = child.is("stanza-id", xmpp::ns::sid) && child.attr("by") == room.text();
    if (is_claim || child.ns() == xmpp::ns::muc_user || child.is("occupant-id", xmpp::ns::occupant_id) ||
        child.is("delay", xmpp::ns::delay)) {
      claims.push_back(&child);
    }
  }
  for (const auto* claim : claims) message.remove(*claim);
}

// §8.1: a message with a subject and nothing to read besides.
bool changes_subject(const xmpp::Element& message) {
  return message.child("subject", xmpp::ns::client) != nullptr && message.child("body", xmpp::ns::client) == nullptr &&
         message.child("thread", xmpp::ns::client) == nullptr;
}

/// In all languages together.
size_t subject_bytes(const xmpp::Element& message) {
  size_t bytes = 0;
  for (const auto& child : message.elements()) {
    if (child.is("subject", xmpp::ns::client)) bytes += child.text().size();
  }
  return bytes;
}

}  // namespace

void Room::receive_message(Envelope& envelope) {
  const auto type = envelope.stanza->attr("type");
  if (type == "error") return receive_error(envelope);
  if (!envelope.to.is_bare()) return receive_private(envelope);
  if (type == "groupchat") return receive_groupchat(envelope);
  if (type == "chat" || type == "headline")
    return refuse(envelope, Condition::bad_request, "A room takes messages of type groupchat");
  receive_normal(envelope);
}

void Room::receive_groupchat(Envelope& envelope) {
  Occupant* occupant = occupant_of(envelope.from);
  if (occupant == nullptr) return refuse(envelope, Condition::not_acceptable, "You are not in the room");  // §7.4
  if (occupant->role < Role::participant) return refuse(envelope, Condition::forbidden, "You have no voice");
  if (const auto* retraction = envelope.stanza->child("retract", xmpp::ns::retract)) {
    // XEP-0425 §4: that a moderator did it, the room alone says.
    if (retraction->child("moderated", xmpp::ns::moderate) != nullptr) return refuse(envelope, Condition::forbidden);
    const std::string id(retraction->attr("id"));
    return retract(std::move(envelope), id);
  }
  const bool is_subject = changes_subject(*envelope.stanza);
  if (is_subject && subject_bytes(*envelope.stanza) > longest_subject_bytes)
    return refuse(envelope, Condition::not_acceptable, "That subject is too long");
  if (is_subject && occupant->role < Role::moderator && !config_.change_subject) {
    return refuse(envelope, Condition::forbidden, "You may not change the subject");
  }
  auto message = std::move(envelope.stanza);
  remove_claims(*message, jid_);
  message->add("occupant-id", xmpp::ns::occupant_id).set_attr("id", occupant->id);
  publish(envelope, std::move(message), xmpp::Jid(occupant->jid));
}

void Room::add_stanza_id(xmpp::Element& message, storage::LogId id) const {
  message.add("stanza-id", xmpp::ns::sid).set_attr("by", jid_.text()).set_attr("id", storage::to_stanza_id(id));
}

void Room::publish(Envelope& envelope, xmpp::ElementPtr message, const xmpp::Jid& from,
                   std::vector<storage::LogEntry> tombstones, Job then) {
  message->remove_attr("to");
  message->set_attr("from", from.text());
  const bool is_kept = keeps_archive() && says_something(*message) && !forbids_archive(*message);
  std::string xml = message->to_xml(xmpp::ns::client);
  // XEP-0425 §3: what can be read can be moderated, so it has an id, also where it is kept nowhere.
  const bool has_id = says_something(*message) || message->child("body", xmpp::ns::client) != nullptr;
  const storage::LogId id = has_id ? next_log_id() : 0;
  if (has_id) add_stanza_id(*message, id);
  Homes& homes = node().homes();
  if (is_kept) {
    uncommitted_.insert(id);
    std::string entry = xml;
    const Occupant* author = occupant_named(from.resource());
    if (!config_.is_anonymous() && author != nullptr && !from.is_bare()) {
      // XEP-0313 §7.2: in a non-anonymous room the archive tells who it was.
      auto holder = xmpp::Element::make("message", xmpp::ns::client);
      const xmpp::MucItem item{.affiliation = affiliation_of(author->account()),
                               .role = author->role,
                               .jid = author->sessions.back(),
                               .nick = {},
                               .reason = {},
                               .actor_nick = {}};
      item.add_to(xmpp::add_muc_user(*holder));
      entry = with_child(entry, holder->first_element()->to_xml(xmpp::ns::client));
    }
    homes.batch().entries.push_back({jid_.text(), id, storage::LogEntry::archived, from.text(), std::move(entry)});
  }
  for (const auto& tombstone : tombstones) homes.batch().replaced.push_back(tombstone);
  const bool writes = homes.write_for_sender(envelope) || is_kept || !tombstones.empty();
  auto finish = [self = shared_from_this(), stanza = share(std::move(message), id), xml = std::move(xml), id, is_kept,
                 sender = envelope.sender, then = std::move(then)]() mutable {
    self->uncommitted_.erase(id);
    self->broadcast(stanza);
    self->published(stanza->stanza(), xml, id);
    self->node().router().confirm(sender);
    self->tell_absent_members(*stanza, is_kept ? id : 0);
    if (then) then();
  };
  if (!writes && commits_pending_ == 0) return finish();
  ++commits_pending_;
  homes.after_commit([self = shared_from_this(), finish = std::move(finish)]() mutable {
    --self->commits_pending_;
    finish();
    self->drain();
  });
}

/// The message is durable and on its way to everybody: what the room itself remembers of it.
void Room::published(const xmpp::Element& message, const std::string& xml, storage::LogId id) {
  if (const auto* retraction = message.child("retract", xmpp::ns::retract)) {
    if (const auto retracted = storage::parse_stanza_id(retraction->attr("id"))) {
      const auto gone = std::ranges::remove(history_, *retracted, &HistoryItem::id);
      history_.erase(gone.begin(), gone.end());
    }
  }
  if (changes_subject(message)) {
    auto subject = message.clone();
    const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    xmpp::Element& delay = subject->add("delay", xmpp::ns::delay);
    delay.set_attr("from", jid_.text()).set_attr("stamp", xmpp::format_date_time(id != 0 ? storage::time_of(id) : now));
    record_.subject = subject->to_xml(xmpp::ns::client);
    subject_ = share(std::move(subject));
    if (takeover_) takeover_->is_subject_new = true;
    return save();
  }
  if (says_something(message)) remember({.id = id, .xml = xml, .stanza = {}});
}

void Room::tell_absent_members(const SharedStanza& message, storage::LogId id) {
  const auto& hooks = node().features().room_message_for_absent;
  if (hooks.empty() || !says_something(message.stanza())) return;
  boost::unordered_flat_set<std::string_view> present;
  present.reserve(occupants_.size());
  for (const auto& [nick, occupant] : occupants_) present.insert(occupant->sessions.front().bare_text());
  const auto author = xmpp::Jid::parse(message.stanza().attr("from"));
  const std::string nick(author ? author->resource() : std::string_view());
  for (const auto& [jid, member] : members_) {
    const bool belongs = member.affiliation >= Affiliation::member || !member.nick.empty();
    if (!belongs || present.contains(jid.text()) || !node().router().is_local_domain(jid.domain())) continue;
    for (const auto& hook : hooks)
      hook({.member = jid,
            .room = jid_,
            .nick = nick,
            .message = message.stanza(),
            .id = id,
            .is_public = !config_.members_only});
  }
}

void Room::receive_private(Envelope& envelope) {
  Occupant* author = occupant_of(envelope.from);
  if (author == nullptr) return refuse(envelope, Condition::not_acceptable, "You are not in the room");
  if (envelope.stanza->attr("type") == "groupchat") return refuse(envelope, Condition::bad_request);  // §7.5
  Occupant* target = occupant_named(envelope.to.resource());
  if (target == nullptr) return refuse(envelope, Condition::item_not_found);
  using Who = xmpp::RoomConfig::PrivateMessages;
  const Who who = config_.private_messages;
  const bool is_allowed = who == Who::anyone || (who == Who::participants && author->role >= Role::participant) ||
                          (who == Who::moderators && author->role == Role::moderator);
  if (!is_allowed) return refuse(envelope, Condition::forbidden, "Private messages are not allowed");
  author->private_to.insert(std::string(target->nick()));
  xmpp::Element& message = *envelope.stanza;
  remove_claims(message, jid_);
  message.add("occupant-id", xmpp::ns::occupant_id).set_attr("id", author->id);
  message.add("x", xmpp::ns::muc_user);  // XEP-0280 §6.1: so carbons leave it alone
  message.set_attr("from", author->jid.text());
  envelope.from = author->jid;
  // The other clients of that nick get a copy; what is stored is stored once.
  const SharedStanzaPtr copy = target->sessions.size() > 1 ? share(message.clone()) : nullptr;
  const xmpp::Jid last = target->sessions.back();
  Fanout fanout(node());
  for (const auto& session : target->sessions) {
    if (session != last) fanout.add(session, copy);
  }
  fanout.send();
  message.set_attr("to", last.text());
  envelope.to = last;
  node().router().route(std::move(envelope));
}

}  // namespace rookery::server::muc
