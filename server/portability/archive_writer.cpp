#include "server/portability/archive_writer.h"

#include <future>

#include "storage/archive_range.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/delay.h"
#include "xmpp/payloads/stanza_id.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::portability {

namespace {

constexpr size_t entries_at_once = 500;
constexpr storage::LogId second = 1'000'000;
constexpr auto near = std::chrono::seconds(5);  // between the clock of an archive and that of an offline store

std::string body_of(const xmpp::Element& message) { return message.child_text("body", xmpp::ns::client); }

}  // namespace

ArchiveWriter::ArchiveWriter(storage::MessageLog& log, xmpp::Jid owner, const ImportOptions& options, Counts& counts)
    : log_(log), owner_(std::move(owner)), options_(options), counts_(counts) {}

Status ArchiveWriter::load() {
  if (before_) return {};
  const auto state = log_.load(owner_.text());
  if (!state) return std::unexpected<Error>(state.error());
  before_ = *state;
  return {};
}

storage::LogEntry ArchiveWriter::make_entry(const xmpp::Element& message, storage::LogId id, uint8_t flags) const {
  const auto from = xmpp::Jid::parse(message.attr("from"));
  const auto to = xmpp::Jid::parse(message.attr("to"));
  // What one says to oneself has been received.
  const bool outgoing = from && from->same_bare(owner_) && to && !to->same_bare(owner_);
  if (outgoing) flags |= storage::LogEntry::outgoing;
  const auto& peer = outgoing ? to : from;
  return {owner_.text(), id, flags, peer ? peer->text() : owner_.text(), message.to_xml(xmpp::ns::client)};
}

Result<std::optional<std::string>> ArchiveWriter::add(const xmpp::Element& result) {
  const auto* forwarded = result.child("forwarded", xmpp::ns::forward);
  const auto* message = forwarded != nullptr ? forwarded->child("message", xmpp::ns::client) : nullptr;
  const auto delay = forwarded != nullptr ? xmpp::Delay::find(*forwarded) : std::nullopt;
  if (!result.is("result", xmpp::ns::mam) || message == nullptr || !delay)
    return std::optional<std::string>("an archived message is malformed");
  const storage::LogId at = std::max<storage::LogId>(storage::id_at(delay->stamp), 1);
  const auto given = storage::parse_stanza_id(result.attr("id"));
  const bool is_ours = given && (*given > at ? *given - at : at - *given) <= second;
  storage::LogId id = is_ours ? *given : at;
  // Other servers' times are often whole seconds: what comes in one of them keeps its order.
  if (!is_ours && id <= last_ && last_ - id < 10 * second) id = last_ + 1;
  last_ = id;
  auto copy = message->clone();
  xmpp::remove_stanza_ids(*copy, owner_);
  if (!copy->has_attr("to")) copy->set_attr("to", owner_.text());
  pending_.push_back({make_entry(*copy, id, storage::LogEntry::archived), is_ours});
  if (pending_.size() < entries_at_once) return std::optional<std::string>();
  if (auto flushed = flush(); !flushed) return std::unexpected<Error>(flushed.error());
  return std::optional<std::string>();
}

Result<std::map<storage::LogId, std::string>> ArchiveWriter::present(storage::LogId first, storage::LogId last) const {
  std::map<storage::LogId, std::string> found;
  storage::ArchiveQuery query;
  query.owner = owner_.text();
  query.after = first - 1;
  query.before = last + 1;
  query.limit = entries_at_once;
  for (;;) {
    auto page = log_.query(query);
    if (!page) return std::unexpected<Error>(page.error());
    for (auto& entry : page->entries) found[query.after = entry.id] = std::move(entry.xml);
    if (page->complete || page->entries.empty()) return found;
  }
}

Status ArchiveWriter::flush() {
  if (pending_.empty()) return {};
  if (auto loaded = load(); !loaded) return loaded;
  storage::LogId first = pending_.front().entry.id, last = first;
  for (const auto& [entry, unused] : pending_) {
    first = std::min(first, entry.id);
    last = std::max(last, entry.id);
  }
  auto known = present(first, last + entries_at_once);
  if (!known) return std::unexpected<Error>(known.error());
  storage::LogBatch batch;
  for (auto& [entry, is_ours] : pending_) {
    auto at = known->find(entry.id);
    while (!is_ours && at != known->end() && at->second != entry.xml) at = known->find(++entry.id);
    if (at != known->end()) {
      ++counts_.present_messages;
      continue;
    }
    (*known)[entry.id] = entry.xml;
    last_ = std::max(last_, entry.id);
    added_.insert(entry.id);
    ++counts_.archived;
    batch.entries.push_back(std::move(entry));
  }
  pending_.clear();
  return commit(std::move(batch));
}

Status ArchiveWriter::commit(storage::LogBatch batch) {
  if (options_.dry_run || batch.empty()) return {};
  std::promise<Status> promise;
  auto future = promise.get_future();
  log_.commit(std::move(batch), [&promise](Status done) { promise.set_value(std::move(done)); });
  return future.get();
}

/// The entry of the archive that is this message: by the id that the file gives it, or by what it says.
Result<std::optional<storage::LogEntry>> ArchiveWriter::archived_copy(const WaitingMessage& waiting) const {
  storage::ArchiveQuery query;
  query.owner = owner_.text();
  query.limit = entries_at_once;
  const auto given = storage::parse_stanza_id(waiting.archive_id);
  query.start = waiting.received - near;
  query.end = waiting.received + near;
  auto page = log_.query(query);
  if (!page) return std::unexpected<Error>(page.error());
  const auto entry = make_entry(*waiting.message, 0, 0);
  for (auto& each : page->entries) {
    if (given && each.id == *given) return std::optional(std::move(each));
    if (each.peer != entry.peer) continue;
    const auto document = xmpp::parse_own(each.xml, xmpp::ns::client);
    if (document && (*document)->attr("id") == waiting.message->attr("id") &&
        body_of(**document) == body_of(*waiting.message)) {
      return std::optional(std::move(each));
    }
  }
  return std::optional<storage::LogEntry>();
}

Status ArchiveWriter::finish(std::vector<WaitingMessage> waiting) {
  if (auto flushed = flush(); !flushed) return flushed;
  if (auto loaded = load(); !loaded) return loaded;
  storage::LogBatch batch;
  const bool is_new = before_->last_id == 0 && before_->cursor == 0;
  const auto now = log_.load(owner_.text());
  if (!now) return std::unexpected<Error>(now.error());
  storage::LogId newest = std::max({now->last_id, before_->cursor, last_});
  storage::LogId first_waiting = storage::last_log_id;
  std::set<storage::LogId> placed;
  for (const auto& each : waiting) {
    auto copy = archived_copy(each);
    if (!copy) return std::unexpected<Error>(copy.error());
    // What an earlier import brought has been delivered since, or will be.
    if (*copy && !added_.contains((*copy)->id)) {
      ++counts_.present_messages;
      continue;
    }
    storage::LogEntry entry;
    if (*copy && (is_new || (*copy)->id > before_->cursor)) {
      entry = std::move(**copy);
    } else {
      storage::LogId id = std::max<storage::LogId>(storage::id_at(each.received), 1);
      if (const auto given = storage::parse_stanza_id(each.archive_id); given && *given / second == id / second)
        id = *given;
      // It has to come behind what has been delivered already, and where nothing else is.
      if (!is_new && id <= before_->cursor) id = newest + 1;
      const auto taken = present(id, id + entries_at_once);
      if (!taken) return std::unexpected<Error>(taken.error());
      while (taken->contains(id) || placed.contains(id)) ++id;
      entry = make_entry(*each.message, id, *copy ? 0 : storage::LogEntry::archived);
    }
    placed.insert(entry.id);
    entry.flags |= storage::LogEntry::inbox;
    newest = std::max(newest, entry.id);
    first_waiting = std::min(first_waiting, entry.id);
    ++counts_.waiting;
    batch.entries.push_back(std::move(entry));
  }
  // The rest of the archive has been read elsewhere: nothing of it is delivered.
  const storage::LogId cursor = first_waiting != storage::last_log_id ? first_waiting - 1 : newest;
  if (is_new && cursor != 0) batch.cursors.push_back({owner_.text(), "", cursor});
  return commit(std::move(batch));
}

}  // namespace rookery::server::portability
