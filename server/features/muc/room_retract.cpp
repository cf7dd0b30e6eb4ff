// XEP-0424 retraction by the author, XEP-0425 by a moderator: the archive keeps a tombstone.
#include "crypto/random.h"
#include "server/features/muc/room.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::muc {

using xmpp::Condition;

namespace {

std::string author_of(const xmpp::Element& message) {
  const auto* id = message.child("occupant-id", xmpp::ns::occupant_id);
  return id != nullptr ? std::string(id->attr("id")) : std::string();
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
  node().read_log(std::move(read),
                  [self = shared_from_this(), then = std::move(then)](Result<storage::ArchivePage> page) mutable {
                    --self->jobs_pending_;
                    if (!page) return then(std::unexpected<Error>(page.error()));
                    if (page->entries.empty()) return then(fail(Failure::not_found, "no such message"));
                    then(std::move(page->entries.front()));
                  });
}

// XEP-0424 §5, XEP-0425 §5: who, when and by whom stay; what was said goes.
storage::LogEntry Room::tombstone(const storage::LogEntry& entry, std::string_view retraction,
                                  const Occupant* moderator, std::string_view reason) const {
  auto kept = xmpp::Element::make("message", xmpp::ns::client);
  if (const auto original = xmpp::parse_document(entry.xml, {}, xmpp::ns::client)) {
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
               const FromAnotherNode scope(self->node().homes(), envelope);
               const Occupant* occupant = self->occupant_of(envelope.from);
               if (occupant == nullptr)
                 return self->refuse(envelope, Condition::not_acceptable, "You are not in the room");
               std::vector<storage::LogEntry> tombstones;
               if (entry) {
                 const auto original = xmpp::parse_document(entry->xml, {}, xmpp::ns::client);
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
  const auto* retraction = request.payload().child("retract", xmpp::ns::retract);
  if (retraction == nullptr) return request.fail(Condition::feature_not_implemented);
  if (standing_of(request.from()).role != Role::moderator) {
    return request.fail(Condition::forbidden, "Only moderators may moderate messages");
  }
  const std::string id(request.payload().attr("id"));
  find_entry(id,
             [self = shared_from_this(), id, request = std::move(request)](Result<storage::LogEntry> entry) mutable {
               const Occupant* moderator = self->occupant_of(request.from());
               if (!entry) return request.fail(entry.error());
               if (moderator == nullptr) return request.fail(Condition::forbidden);
               const std::string reason = request.payload().child_text("reason", xmpp::ns::moderate);
               auto message = xmpp::Element::make("message", xmpp::ns::client);
               message->set_attr("type", "groupchat").set_attr("id", crypto::random_token());
               xmpp::Element& retract = message->add("retract", xmpp::ns::retract);
               retract.set_attr("id", id);
               xmpp::Element& moderated = retract.add("moderated", xmpp::ns::moderate);
               moderated.set_attr("by", moderator->jid.text());
               moderated.add("occupant-id", xmpp::ns::occupant_id).set_attr("id", moderator->id);
               if (!reason.empty()) retract.add_text_child("reason", reason);
               const storage::LogEntry tombstone = self->tombstone(*entry, message->attr("id"), moderator, reason);
               Envelope envelope;  // nobody waits to hear that it is durable, but the IQ
               self->publish(envelope, std::move(message), self->jid_, {tombstone},
                             [request = std::move(request)]() mutable { request.reply(); });
             });
}

}  // namespace rookery::server::muc
