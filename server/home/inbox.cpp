// The account's inbox: a cursor over its log. What no device has acknowledged is sent again, from the log.
#include <algorithm>

#include "server/archive/archive.h"
#include "server/home/home.h"
#include "server/home/homes.h"
#include "server/home/message_rules.h"
#include "server/log.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"
#include "xmpp/time.h"

namespace rookery::server {

namespace {
constexpr size_t page_entries = 50;
constexpr size_t page_bytes = 1024 * 1024;  // one page has to fit into a client's outbox
constexpr auto read_again_after = std::chrono::milliseconds(200);
constexpr size_t most_owed = 1'000;                    // ids in memory, of a session
constexpr storage::LogId time_to_ask = 3'600'000'000;  // microseconds that a client has for its first archive query

// XEP-0203 §2: when it was received, by whom it was kept.
std::string delay_element(const xmpp::Jid& by, storage::LogId id) {
  std::string out = "<delay xmlns='urn:xmpp:delay' from='";
  xmpp::append_escaped(out, by.domain());
  return out.append("' stamp='").append(xmpp::format_date_time(storage::time_of(id))).append("'/>");
}
}  // namespace

std::string Home::late_copy(const storage::LogEntry& entry) const {
  return with_child(entry.xml, stanza_id_element(jid_, entry.id) + delay_element(jid_, entry.id));
}

storage::LogId Home::next_log_id() {
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
  last_id_ = std::max<storage::LogId>(last_id_ + 1, static_cast<storage::LogId>(now.count()));
  return last_id_;
}

storage::LogId Home::committed_id() const { return uncommitted_.empty() ? last_id_ : *uncommitted_.begin() - 1; }

void Home::committed(storage::LogId id) {
  uncommitted_.erase(id);
  const storage::LogId safe = committed_id();
  std::vector<Job> ready;
  std::erase_if(awaiting_commit_, [&](auto& waiting) {
    if (waiting.first > safe) return false;
    ready.push_back(std::move(waiting.second));
    return true;
  });
  for (Job& job : ready) run_guarded(job);
}

void Home::when_committed(Job job) {
  if (uncommitted_.empty() || abandoned_) return job();
  awaiting_commit_.emplace_back(last_id_, std::move(job));
}

void Home::acknowledged(storage::LogId id) {
  in_flight_.erase(id);
  if (acknowledged_held(id)) return;
  if (pending_.erase(id) == 0 && id > scanned_to_) acked_early_.insert(id);
  advance_cursor();
}

void Home::advance_cursor() {
  storage::LogId to = pending_.empty() ? scanned_to_ : *pending_.begin() - 1;
  // What is behind the cursor the log need not have any more.
  for (const auto& session : sessions_) {
    if (!session->owed.empty()) to = std::min(to, *session->owed.begin() - 1);
    if (session->owed_from != 0) to = std::min(to, session->owed_from - 1);
  }
  if (to <= cursor_) return;
  cursor_ = to;
  cursor_dirty_ = true;
}

void Home::flush_cursor() {
  if (!cursor_dirty_) return;
  cursor_dirty_ = false;
  homes_.batch().cursors.push_back({jid_.text(), "", cursor_});
}

void Home::released(storage::LogId id) {
  const auto found = in_flight_.find(id);
  if (found == in_flight_.end()) return;  // another device has acknowledged it
  if (--found->second > 0) return;
  in_flight_.erase(found);
  if (lost_held(id)) return;
  // Somebody else who is here may have it at once; else it waits for the next one to come.
  for (const auto& session : sessions_) {
    if (!session->available || session->priority < 0) continue;
    if (session->catching_up) {
      session->caught_up_to = std::min(session->caught_up_to, id - 1);  // its pages have passed over it
      return;
    }
    session->catching_up = true;
    session->caught_up_to = cursor_;
    return catch_up(*session);
  }
}

/// A session for which the message has come live, but that reads it from the log, in its turn, or has done so: what is
/// durable is there before we hear that it is.
bool Home::gets_it_from_the_log(Session& session, storage::LogId id) {
  const auto [first, last] = read_early_.equal_range(id);
  if (std::any_of(first, last, [&](const auto& read) { return read.second == session.serial(); })) return true;
  if (!session.catching_up) return false;
  if (session.owed_from != 0) return true;
  session.caught_up_to = std::min(session.caught_up_to, id - 1);  // a page may have passed over it
  if (session.owed.size() >= most_owed) {
    session.owed_from = id;
    return true;
  }
  session.owed.insert(id);
  ++in_flight_[id];
  return true;
}

/// Of a page: what came live for this session, whoever has had it since.
bool Home::takes_owed(Session& session, const storage::LogEntry& entry) {
  if (session.owed.erase(entry.id) > 0) return true;
  if (session.owed_from == 0 || entry.id < session.owed_from) return false;
  session.owed_from = entry.id + 1;
  bool is_for_it = true;
  if (const auto message = xmpp::parse_own(entry.xml, xmpp::ns::client)) {
    const auto to = xmpp::Jid::parse((*message)->attr("to"));
    is_for_it = !to || to->is_bare() || *to == session.jid() || find(to->resource()) == nullptr;
  }
  if (is_for_it) ++in_flight_[entry.id];
  return is_for_it;
}

void Home::catch_up(Session& session) {
  if (session.reading_page) return;
  session.reading_page = true;
  ++loads_pending_;
  const storage::LogId after = std::max(session.caught_up_to, cursor_);
  node().read_log(
      [owner = jid_.text(), after](storage::MessageLog& log) { return log.inbox(owner, after, page_entries); },
      [this, serial = session.serial(), after, read_to = committed_id()](Result<std::vector<storage::LogEntry>> page) {
        --loads_pending_;
        Session* reader = find_serial(serial);
        if (reader == nullptr) return;
        reader->reading_page = false;
        if (!reader->catching_up) return;
        if (!page && page.error().failure == Failure::unavailable && !abandoned_) {
          ++loads_pending_;
          homes_.loop().after(read_again_after, [this, serial] {  // the database is away; what waits is not lost
            --loads_pending_;
            if (Session* still = find_serial(serial)) catch_up(*still);
          });
          return;
        }
        if (!page) {
          log::error("inbox_not_read", {{"jid", jid_.text()}, {"error", page.error().message}});
          return reader->end({.condition = xmpp::StreamCondition::internal_server_error});
        }
        // Something before this page is the session's since it was asked for.
        if (std::max(reader->caught_up_to, cursor_) < after) return catch_up(*reader);
        const bool complete = page->size() < page_entries;
        send_page(*reader, std::move(*page), complete, read_to);
      });
}

/// `complete`: the log had nothing behind these entries, and everything up to `read_to`.
void Home::send_page(Session& session, std::vector<storage::LogEntry> entries, bool complete, storage::LogId read_to) {
  // What has expired, or will have when the client asks, the archive does not provide.
  const storage::LogId oldest = oldest_kept(node().config().archive_keep);
  const storage::LogId archive_begins = oldest == 0 ? 0 : oldest + time_to_ask;
  size_t sent = 0, bytes = 0;
  for (auto& entry : entries) {
    if (bytes > page_bytes) {
      complete = false;
      break;
    }
    session.caught_up_to = entry.id;
    if (entry.id > scanned_to_) {
      if (acked_early_.erase(entry.id) == 0) pending_.insert(entry.id);
      scanned_to_ = entry.id;
    }
    const bool is_owed = takes_owed(session, entry);
    if (!is_owed && (!pending_.contains(entry.id) || in_flight_.contains(entry.id))) continue;
    if (entry.id <= session.archive_known_to && entry.id >= archive_begins &&
        (entry.flags & storage::LogEntry::archived) != 0) {
      acknowledged(entry.id);  // XEP-0386 §3.2: cleared, since the archive provides it
      continue;
    }
    if (!is_owed) ++in_flight_[entry.id];
    if (uncommitted_.contains(entry.id)) read_early_.emplace(entry.id, session.serial());
    ++sent;
    bytes += entry.xml.size();
    session.send(late_copy(entry), entry.id);
  }
  // What was committed while the page was read comes with the next one; after the last one, live messages flow again.
  if (complete) session.caught_up_to = std::max(session.caught_up_to, read_to);
  if (complete && session.caught_up_to >= last_inbox_id_) return end_catch_up(session);
  if (sent > 0) return;  // the next page follows the acknowledgement of this one
  in_order([this, serial = session.serial()] {
    if (Session* reader = find_serial(serial)) catch_up(*reader);
  });
}

void Home::end_catch_up(Session& session) {
  session.catching_up = false;
  backlog_ = false;
  scanned_to_ = std::max(scanned_to_, session.caught_up_to);
  session.owed_from = 0;
  for (const auto id : std::exchange(session.owed, {})) acknowledged(id);  // the log has them no more
  advance_cursor();
}

}  // namespace rookery::server
