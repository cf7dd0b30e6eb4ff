// The room's log: XEP-0045 §7.2.13 history, XEP-0313 archive.
#include <algorithm>

#include "server/archive/archive.h"
#include "server/features/muc/room.h"
#include "server/home/message_rules.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::muc {

using xmpp::Condition;

namespace {

constexpr size_t most_history_bytes = 1024 * 1024;  // it has to fit into a client's outbox, whatever was said

/// What one who enters is shown: not subjects, not what was retracted, not the retraction of what he never saw.
bool is_discussion(const xmpp::Element& message) {
  const bool only_subject =
      message.child("subject", xmpp::ns::client) != nullptr && message.child("body", xmpp::ns::client) == nullptr;
  return !only_subject && message.child("retracted", xmpp::ns::retract) == nullptr &&
         message.child("retract", xmpp::ns::retract) == nullptr;
}

void hide_author(xmpp::Element& message) {
  while (const xmpp::Element* x = message.child("x", xmpp::ns::muc_user)) message.remove(*x);
}

}  // namespace

storage::LogId Room::next_log_id() {
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
  last_id_ = std::max<storage::LogId>(last_id_ + 1, static_cast<storage::LogId>(now.count()));
  return last_id_;
}

void Room::remember(HistoryItem item) {
  history_.push_back(std::move(item));
  while (history_.size() > node().config().muc_history) history_.pop_front();
}

void Room::send_history(const xmpp::Jid& session, const xmpp::MucJoin& join, Fanout& fanout) {
  const bool is_limited = join.max_stanzas || join.max_chars || join.seconds || join.since;
  size_t stanzas = join.max_stanzas.value_or(is_limited ? history_.size() : config_.history_length);
  size_t chars = std::min<size_t>(join.max_chars.value_or(most_history_bytes), most_history_bytes);
  auto since = join.since.value_or(xmpp::TimePoint{});
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  if (const auto oldest = oldest_kept(node().config().archive_rooms_keep); oldest != 0)
    since = std::max(since, storage::time_of(oldest));
  if (join.seconds) since = std::max(since, now - std::chrono::seconds(*join.seconds));
  std::vector<SharedStanzaPtr> chosen;
  for (auto item = history_.rbegin(); item != history_.rend() && stanzas > 0; ++item) {
    if (storage::time_of(item->id) < since) break;
    if (!item->stanza) {
      auto message = xmpp::parse_document(item->xml, {}, xmpp::ns::client);
      if (!message || !is_discussion(**message)) continue;
      hide_author(**message);
      xmpp::Element& delay = (*message)->add("delay", xmpp::ns::delay);
      delay.set_attr("from", jid_.text()).set_attr("stamp", xmpp::format_date_time(storage::time_of(item->id)));
      if (config_.is_logged)
        (*message)
            ->add("stanza-id", xmpp::ns::sid)
            .set_attr("by", jid_.text())
            .set_attr("id", storage::to_stanza_id(item->id));
      item->stanza = share(std::move(*message));
    }
    // §7.2.14: the characters of complete stanzas.
    const size_t size = item->stanza->addressed(session.text()).size();
    if (size > chars) break;
    chars -= size;
    --stanzas;
    chosen.push_back(item->stanza);
  }
  std::ranges::reverse(chosen);
  for (const auto& stanza : chosen) fanout.add(session, stanza);
  // §7.2.15: the subject ends it, even when there is none.
  if (!subject_) {
    auto message = xmpp::Element::make("message", xmpp::ns::client);
    message->set_attr("from", jid_.text()).set_attr("type", "groupchat").add("subject");
    subject_ = share(std::move(message));
  }
  fanout.add(session, subject_);
  if (!avatars_.empty()) fanout.add(session, avatar_presence());
}

// XEP-0313 §7.2: whoever could enter may read.
bool Room::may_read_archive(const xmpp::Jid& who) {
  const Affiliation affiliation = affiliation_of(who);
  if (affiliation == Affiliation::outcast) return false;
  if (occupant_of(who) != nullptr || affiliation >= Affiliation::member) return true;
  return !config_.members_only && !config_.password_protected && !is_locked_;
}

void Room::query_archive(IqRequest request) {
  const auto waiting = std::make_shared<IqRequest>(std::move(request));
  const bool is_taken =
      ArchiveTurns::here().ask(waiting->from(), [self = shared_from_this(), waiting](ArchiveTurns::TurnPtr turn) {
        self->read_archive_page(std::move(*waiting), std::move(turn));
      });
  if (!is_taken) waiting->fail(too_many_queries());
}

void Room::read_archive_page(IqRequest request, ArchiveTurns::TurnPtr turn) {
  if (!may_read_archive(request.from())) return request.fail(Condition::forbidden);
  auto asked = xmpp::MamQuery::parse(request.payload());
  if (!asked) return request.fail(asked.error());
  auto search = make_archive_search(*asked, jid_, committed_id(), oldest_kept(node().config().archive_rooms_keep));
  if (!search) return request.fail(search.error());
  const Standing asking = standing_of(request.from());
  const bool hides =
      config_.is_anonymous() && asking.role != Role::moderator && asking.affiliation < Affiliation::admin;
  ++jobs_pending_;
  auto read = [search = std::move(*search)](const storage::MessageLog& log) { return read_archive(log, search); };
  node().read_log(std::move(read), [self = shared_from_this(), request = std::move(request), asked = std::move(*asked),
                                    hides, turn = std::move(turn)](Result<storage::ArchivePage> page) mutable {
    --self->jobs_pending_;
    if (!page) return request.fail(page.error());
    if (asked.flip_page) std::ranges::reverse(page->entries);
    Fanout fanout(self->node());
    for (const auto& entry : page->entries) {
      auto message = xmpp::parse_document(archive_result(entry, self->jid_, request.from(), asked.query_id),
                                          xmpp::ParserLimits::own(), xmpp::ns::client);
      if (!message) continue;
      xmpp::Element* result = (*message)->child("result", xmpp::ns::mam);
      xmpp::Element* inner = result->child("forwarded", xmpp::ns::forward)->child("message", xmpp::ns::client);
      if (hides) hide_author(*inner);
      fanout.add(request.from(), share(std::move(*message)));
    }
    fanout.send();
    if (asked.flip_page) std::ranges::reverse(page->entries);
    auto result = request.make_result();
    archive_fin(*page).add_to(*result);
    request.reply(std::move(result));
  });
}

void Room::archive_metadata(IqRequest request) {
  if (!may_read_archive(request.from())) return request.fail(Condition::forbidden);
  ++jobs_pending_;
  auto read = [room = jid_.text(), newest = committed_id(), oldest = oldest_kept(node().config().archive_rooms_keep)](
                  const storage::MessageLog& log) { return server::archive_metadata(log, room, newest, oldest); };
  node().read_log(std::move(read), [self = shared_from_this(),
                                    request = std::move(request)](Result<xmpp::MamMetadata> metadata) mutable {
    --self->jobs_pending_;
    if (!metadata) return request.fail(metadata.error());
    auto result = request.make_result();
    metadata->add_to(*result);
    request.reply(std::move(result));
  });
}

}  // namespace rookery::server::muc
