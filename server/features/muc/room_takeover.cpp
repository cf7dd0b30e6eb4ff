// A room that has come from another node: how its occupants come back without entering again (docs/adr/0005).
#include <algorithm>

#include "server/features/muc/room.h"
#include "server/features/muc/rooms.h"
#include "server/log.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::muc {

namespace {

constexpr size_t most_missed = 500;  // who has missed more finds it in the archive
constexpr auto read_again_after = std::chrono::milliseconds(200);

}  // namespace

// Not at once: the reports would come back to this loop while the room is being taken out.
void Room::ask_for_reports() {
  std::vector<std::pair<xmpp::Jid, xmpp::Jid>> asked;  // occupant, session
  for (const auto& [session, occupant] : by_session_) {
    if (auto jid = xmpp::Jid::parse(session)) asked.emplace_back(occupant->jid, std::move(*jid));
  }
  for (const auto& returning : std::exchange(returning_, {}))
    asked.emplace_back(returning.stay->occupant, returning.session);
  auto waiting = std::make_shared<Queue<Envelope>>(std::exchange(waiting_, {}));
  if (node().cluster() == nullptr) asked.clear();
  if (asked.empty() && waiting->empty()) return;
  rooms_.loop().post([&node = node(), asked = std::move(asked), waiting] {
    Fanout fanout(node);
    for (const auto& [occupant, session] : asked) {
      auto question = xmpp::Element::make("presence", xmpp::ns::client);
      question->set_attr("from", occupant.text());
      fanout.add(session, share(std::move(question), place_asks_for_report));
    }
    fanout.send();
    for (Envelope& envelope : *waiting) node.router().route_anew(std::move(envelope));
  });
}

/// True when the envelope was nothing but a report, or waits for its sender to be back.
bool Room::take_stay(Envelope& envelope) {
  const auto stay = std::exchange(envelope.stay, nullptr);
  const auto words = [&] { return stay->is_report ? own_words(envelope.stanza->clone()) : std::string(); };
  if (Occupant* here = occupant_of(envelope.from)) {
    if (stay->is_report && here->presence.empty()) {
      here->presence = words();
      here->shown = nullptr;
    }
    return stay->is_report;
  }
  if (!takeover_) {
    if (stay->is_report) say_not_in_the_room(node(), envelope);
    return stay->is_report;
  }
  if (takeover_->gone.contains(envelope.from.text())) return stay->is_report;
  const auto known = std::ranges::find(returning_, envelope.from, &Returning::session);
  if (known == returning_.end()) {
    returning_.push_back({.session = envelope.from, .stay = stay, .presence = words()});
  } else if (stay->is_report) {
    known->presence = words();
  }
  if (!stay->is_report) waiting_.push_back(std::move(envelope));
  rooms_.loop().post([self = shared_from_this()] { self->drain(); });  // many come at once
  return true;
}

// Everything that was said is in the log then, and nothing is being said.
void Room::let_return() {
  if (returning_.empty() || is_reading_missed_ || commits_pending_ != 0) return;
  storage::LogId after = UINT64_MAX;
  for (const auto& each : returning_) {
    after = std::min(after, each.stay->heard);
    last_id_ = std::max(last_id_, each.stay->heard);  // what is said from now on is newer than what anybody has heard
  }
  if (!keeps_archive() || after >= committed_id()) return returned(after, {});
  is_reading_missed_ = true;
  ++jobs_pending_;
  storage::ArchiveQuery query;
  query.owner = jid_.text();
  query.after = after;
  query.last_page = true;
  query.limit = most_missed;
  auto read = [query = std::move(query)](const storage::MessageLog& log) { return log.query(query); };
  node().read_log(
      std::move(read), [self = shared_from_this(), after, read_to = committed_id()](Result<storage::ArchivePage> page) {
        --self->jobs_pending_;
        self->is_reading_missed_ = false;
        if (!self->rooms_.has(*self)) return self->drain();
        if (!page) {
          log::error("missed_messages_not_read", {{"jid", self->jid_.text()}, {"error", page.error().message}});
          self->rooms_.loop().after(read_again_after, [self] { self->drain(); });
          return;
        }
        // Something that was begun before has been said meanwhile.
        if (self->commits_pending_ != 0 || self->committed_id() != read_to) return self->let_return();
        self->returned(after, std::move(page->entries));
      });
}

/// The messages as the occupants would have got them.
std::vector<SharedStanzaPtr> Room::missed_messages(std::vector<storage::LogEntry> missed) const {
  std::vector<SharedStanzaPtr> messages;
  for (const auto& entry : missed) {
    auto message = xmpp::parse_own(entry.xml, xmpp::ns::client);
    if (!message) continue;
    while (const auto* author = (*message)->child("x", xmpp::ns::muc_user))
      (*message)->remove(*author);  // the archive alone tells
    add_stanza_id(**message, entry.id);
    messages.push_back(share(std::move(*message), entry.id));
  }
  if (keeps_archive()) return messages;
  for (const auto& item : history_) {
    auto message = xmpp::parse_own(item.xml, xmpp::ns::client);
    if (!message) continue;
    add_stanza_id(**message, item.id);
    messages.push_back(share(std::move(*message), item.id));
  }
  return messages;
}

void Room::returned(storage::LogId after, std::vector<storage::LogEntry> missed) {
  const auto messages = missed_messages(std::move(missed));
  Fanout fanout(node());
  for (Returning& each : std::exchange(returning_, {})) {
    if (each.stay->heard < after) {  // came while it was read
      returning_.push_back(std::move(each));
      continue;
    }
    if (!seat(each, fanout)) {
      say_not_in_the_room(node(), {.from = each.session, .to = each.stay->occupant});
      continue;
    }
    for (const auto& message : messages) {
      if (message->place() > each.stay->heard) fanout.add(each.session, message);
    }
    if (takeover_->is_subject_new) fanout.add(each.session, subject_);
  }
  fanout.send();
  drain();
}

/// False: its place is another's by now, or it may not be here.
bool Room::seat(Returning& returning, Fanout& fanout) {
  const xmpp::Jid& nick = returning.stay->occupant;
  const Affiliation affiliation = affiliation_of(returning.session);
  if (affiliation == Affiliation::outcast || (config_.members_only && affiliation < Affiliation::member)) return false;
  Occupant* occupant = occupant_named(nick.resource());
  const bool is_first = occupant == nullptr;
  if (!is_first && !occupant->sessions.front().same_bare(returning.session)) return false;
  if (is_first) {
    const Role usual = default_role(affiliation, config_.is_moderated);
    const Role had = xmpp::parse_role(returning.stay->role).value_or(Role::none);
    auto made = std::make_unique<Occupant>();
    made->jid = nick;
    made->role = had == Role::none || affiliation >= Affiliation::admin ? usual : had;
    made->id = occupant_id(returning.session);
    occupant = (occupants_[std::string(nick.resource())] = std::move(made)).get();
  }
  occupant->sessions.push_back(returning.session);
  by_session_[returning.session.text()] = occupant;
  if (!returning.presence.empty()) occupant->presence = std::move(returning.presence);
  occupant->shown = nullptr;
  show_changes(*occupant, returning.session, is_first, fanout);
  return true;
}

/// What has changed here before it was back, and to those who came meanwhile that it is here. The others know each
/// other.
void Room::show_changes(Occupant& occupant, const xmpp::Jid& session, bool is_first, Fanout& fanout) {
  for (const auto& presence : takeover_->departed) {
    if (presence->stanza().attr("from") != occupant.jid.text()) fanout.add(session, presence);
  }
  for (const auto& nick : takeover_->changed) {
    Occupant* other = occupant_named(nick);
    if (other != nullptr && other != &occupant)
      fanout.add(session, presence_for_others(*other, {}, sees_real_jids(occupant)));
  }
  if (!is_first || !is_shown(occupant)) return;
  for (const auto& nick : takeover_->entered) {
    const Occupant* other = occupant_named(nick);
    if (other == nullptr || other == &occupant) continue;
    for (const auto& each : other->sessions)
      fanout.add(each, presence_for_others(occupant, {}, sees_real_jids(*other)));
  }
}

void Room::note_left(const xmpp::Jid& session) {
  by_session_.erase(session.text());
  if (takeover_) takeover_->gone.insert(session.text());
}

}  // namespace rookery::server::muc
