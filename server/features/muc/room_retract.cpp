// XEP-0424 retraction by the author, XEP-0425 by a moderator: the archive keeps a tombstone.
#include <algorithm>

#include "crypto/random.h"
#include "server/features/muc/room.h"
#include "server/features/muc/rooms.h"
#include "server/node.h"
#include "storage/archive_range.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::muc {

using xmpp::Condition;

namespace {

std::string author_of(const xmpp::Element& message) {
  const auto* id = message.child("occupant-id", xmpp::ns::occupant_id);
  return id != nullptr ? std::string(id->attr("id")) : std::string();
}

struct Moderation {
  std::string id, reason;
};

/// XEP-0425 §3; or as 0.2.1 §4 had it, inside of XEP-0422's <apply-to/>.
std::optional<Moderation> wanted_moderation(const xmpp::Element& payload) {
  const bool is_old = payload.is("apply-to", xmpp::ns::fasten);
  const auto* moderate = is_old ? payload.child("moderate", xmpp::ns::moderate_0) : &payload;
  if (moderate == nullptr || moderate->child("retract", is_old ? xmpp::ns::retract_0 : xmpp::ns::retract) == nullptr)
    return std::nullopt;
  return Moderation{.id = std::string(payload.attr("id")), .reason = moderate->child_text("reason", moderate->ns())};
}

/// One message in both forms: a client takes the one that it knows.
xmpp::ElementPtr make_moderation(const Moderation& asked, const xmpp::Jid& moderator, std::string_view occupant_id) {
  auto message = xmpp::Element::make("message", xmpp::ns::client);
  message->set_attr("type", "groupchat").set_attr("id", crypto::random_token());
  xmpp::Element& retract = message->add("retract", xmpp::ns::retract);
  retract.set_attr("id", asked.id);
  xmpp::Element& moderated = retract.add("moderated", xmpp::ns::moderate);
  moderated.set_attr("by", moderator.text());
  moderated.add("occupant-id", xmpp::ns::occupant_id).set_attr("id", occupant_id);
  xmpp::Element& fastened = message->add("apply-to", xmpp::ns::fasten);
  fastened.set_attr("id", asked.id);
  xmpp::Element& old = fastened.add("moderated", xmpp::ns::moderate_0);
  old.set_attr("by", moderator.text()).add("retract", xmpp::ns::retract_0);
  if (asked.reason.empty()) return message;
  retract.add_text_child("reason", asked.reason);
  old.add_text_child("reason", asked.reason);
  return message;
}

}  // namespace

void Room::find_entry(std::string_view stanza_id, Found then) {
  const auto id = storage::parse_stanza_id(stanza_id);
  if (!id) return then(fail(Failure::not_found, "no such message"));
  storage::ArchiveQuery query;
  query.owner = jid_.text();
  query.ids = {*id};
  ++jobs_pending_;
  auto read = [query](const storage::MessageLog& log) { return log.query(query); };
  node().read_log(std::move(read), [self = shared_from_this(), id = *id,
                                    then = std::move(then)](Result<storage::ArchivePage> page) mutable {
    --self->jobs_pending_;
    if (page && !page->entries.empty()) return then(std::move(page->entries.front()));
    if (!page && page.error().failure != Failure::not_found) return then(std::unexpected<Error>(page.error()));
    // What is not in the log may be at hand for those who enter.
    const auto said = std::ranges::find(self->history_, id, &HistoryItem::id);
    if (said == self->history_.end()) return then(fail(Failure::not_found, "no such message"));
    then(storage::LogEntry{self->jid_.text(), id, storage::LogEntry::archived, {}, said->xml});
  });
}

/// Of what is kept nowhere the room knows only when it was said: its ids are times.
bool Room::may_have_given(std::string_view stanza_id) const {
  const auto id = storage::parse_stanza_id(stanza_id);
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  return id && *id >= storage::id_at(record_.created) && *id <= std::max(last_id_, storage::id_at(now));
}

// XEP-0424 §5, XEP-0425 §5: who, when and by whom stay; what was said goes.
storage::LogEntry Room::tombstone(const storage::LogEntry& entry, std::string_view retraction,
                                  const Occupant* moderator, std::string_view reason) const {
  auto kept = xmpp::Element::make("message", xmpp::ns::client);
  if (const auto original = xmpp::parse_own(entry.xml, xmpp::ns::client)) {
    for (const auto name : {"type", "from", "id"}) {
      if ((*original)->has_attr(name)) kept->set_attr(name, (*original)->attr(name));
    }
    if (const auto* author = (*original)->child("occupant-id", xmpp::ns::occupant_id)) kept->add_copy(*author);
    if (const auto* x = (*original)->child("x", xmpp::ns::muc_user)) kept->add_copy(*x);
  }
  xmpp::Element& retracted = kept->add("retracted", xmpp::ns::retract);
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  retracted.set_attr("stamp", xmpp::format_date_time(now)).set_attr("id", retraction);
  if (moderator != nullptr) {
    xmpp::Element& moderated = retracted.add("moderated", xmpp::ns::moderate);
    moderated.set_attr("by", moderator->jid.text());
    moderated.add("occupant-id", xmpp::ns::occupant_id).set_attr("id", moderator->id);
    if (!reason.empty()) retracted.add_text_child("reason", reason);
  }
  return {jid_.text(), entry.id, storage::LogEntry::archived, entry.peer, kept->to_xml(xmpp::ns::client)};
}

void Room::retract(Envelope envelope, std::string_view stanza_id) {
  find_entry(stanza_id,
             [self = shared_from_this(), envelope = std::move(envelope)](Result<storage::LogEntry> entry) mutable {
               // Its shard may have moved while the log was asked: what is published here then nobody may write.
               if (!self->rooms_.has(*self)) return self->rooms_.receive(std::move(envelope));
               const FromAnotherNode scope(self->node().homes(), envelope);
               const Occupant* occupant = self->occupant_of(envelope.from);
               if (occupant == nullptr)
                 return self->refuse(envelope, Condition::not_acceptable, "You are not in the room");
               std::vector<storage::LogEntry> tombstones;
               if (entry) {
                 const auto original = xmpp::parse_own(entry->xml, xmpp::ns::client);
                 // XEP-0424 §6: only who has said it takes it back.
                 if (!original || author_of(**original) != occupant->id)
                   return self->refuse(envelope, Condition::forbidden, "It is not your message");
                 if ((*original)->child("retracted", xmpp::ns::retract) == nullptr) {
                   tombstones.push_back(self->tombstone(*entry, envelope.stanza->attr("id"), nullptr, {}));
                 }
               } else if (entry.error().failure != Failure::not_found) {
                 return self->refuse(envelope, Condition::internal_server_error);
               }
               auto message = std::move(envelope.stanza);
               while (const auto* claimed = message->child("occupant-id", xmpp::ns::occupant_id))
                 message->remove(*claimed);
               message->add("occupant-id", xmpp::ns::occupant_id).set_attr("id", occupant->id);
               self->publish(envelope, std::move(message), xmpp::Jid(occupant->jid), std::move(tombstones));
             });
}

void Room::moderate(IqRequest request) {
  const auto asked = wanted_moderation(request.payload());
  if (!asked) return request.fail(Condition::feature_not_implemented);
  if (standing_of(request.from()).role != Role::moderator) {
    return request.fail(Condition::forbidden, "Only moderators may moderate messages");
  }
  find_entry(asked->id, [self = shared_from_this(), asked = *asked,
                         request = std::move(request)](Result<storage::LogEntry> entry) mutable {
    if (!self->rooms_.has(*self)) return request.fail(Condition::resource_constraint, "The room has moved: try again");
    const Occupant* moderator = self->occupant_of(request.from());
    const bool is_unknown = !entry && entry.error().failure == Failure::not_found;
    if (!entry && !(is_unknown && self->may_have_given(asked.id))) return request.fail(entry.error());
    if (moderator == nullptr) return request.fail(Condition::forbidden);
    auto message = make_moderation(asked, moderator->jid, moderator->id);
    std::vector<storage::LogEntry> tombstones;
    if (entry) tombstones.push_back(self->tombstone(*entry, message->attr("id"), moderator, asked.reason));
    Envelope envelope;  // nobody waits to hear that it is durable, but the IQ
    self->publish(envelope, std::move(message), self->jid_, std::move(tombstones),
                  [request = std::move(request)]() mutable { request.reply(); });
  });
}

}  // namespace rookery::server::muc
