#include "storage/rocksdb/reader.h"

#include <algorithm>

#include "storage/rocksdb/codec.h"

namespace rookery::storage::rocks {

namespace {

/// Walks an owner's entries of one family in a range of ids, skipping rows that are no entries.
class EntryWalk {
 public:
  EntryWalk(Database& database, Family family, std::string_view owner, IdRange range, bool backwards,
            const rocksdb::Snapshot* snapshot = nullptr, bool fills_cache = true)
      : owner_(owner), backwards_(backwards), begin_(entry_key(owner, range.first)) {
    // The upper bound is exclusive; the id after the last possible one is the end of the owner.
    end_ = range.last == last_log_id ? owner_end(owner) : entry_key(owner, range.last + 1);
    begin_slice_ = begin_;
    end_slice_ = end_;
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    options.iterate_lower_bound = &begin_slice_;
    options.iterate_upper_bound = &end_slice_;
    options.fill_cache = fills_cache;
    row_.reset(database.db().NewIterator(options, database.family(family)));
    if (backwards_) {
      row_->SeekForPrev(entry_key(owner, range.last));
    } else {
      row_->Seek(begin_slice_);
    }
    skip_invalid();
  }

  bool valid() const { return row_->Valid(); }
  LogId id() const { return id_of_key(view(row_->key())); }
  EntryView entry() const { return EntryView(view(row_->value())); }
  LogEntry to_entry() const { return entry().to_entry(owner_, id()); }
  void next() {
    step();
    skip_invalid();
  }
  Status status() const {
    if (row_->status().ok()) return {};
    return std::unexpected(to_error(row_->status(), "cannot read the message log"));
  }

 private:
  void step() { backwards_ ? row_->Prev() : row_->Next(); }
  void skip_invalid() {
    while (row_->Valid() && !entry().valid()) step();
  }

  std::string_view owner_;
  bool backwards_;
  std::string begin_, end_;
  rocksdb::Slice begin_slice_, end_slice_;
  std::unique_ptr<rocksdb::Iterator> row_;
};

bool wanted(const ArchiveQuery& query, const EntryView& entry) {
  return !query.with || matches(*query.with, entry.peer);
}

Result<size_t> count(Database& database, const ArchiveQuery& query, IdRange range, const rocksdb::Snapshot* snapshot) {
  size_t found = 0;
  if (range.empty()) return found;
  EntryWalk walk(database, Family::entries, query.owner, range, false, snapshot);
  for (; walk.valid() && found < longest_count; walk.next()) found += wanted(query, walk.entry());
  if (auto status = walk.status(); !status) return std::unexpected(status.error());
  return found;
}

/// Fills in entries and complete.
Status take_page(Database& database, const ArchiveQuery& query, const rocksdb::Snapshot* snapshot, ArchivePage& page) {
  const IdRange range = page_range(query, time_range(query));
  if (range.empty()) return {};
  EntryWalk walk(database, Family::entries, query.owner, range, query.last_page, snapshot);
  for (; walk.valid(); walk.next()) {
    if (!wanted(query, walk.entry())) continue;
    if (page.entries.size() == query.limit) {
      page.complete = false;
      break;
    }
    page.entries.push_back(walk.to_entry());
  }
  if (query.last_page) std::ranges::reverse(page.entries);
  return walk.status();
}

/// XEP-0313 §4.1.4: exactly these entries, or item-not-found. The other bounds still apply to what was found.
Result<ArchivePage> take_ids(Database& database, const ArchiveQuery& query) {
  std::vector<LogId> ids = query.ids;
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());

  const IdRange times = time_range(query), range = page_range(query, times);
  ArchivePage page;
  size_t counted = 0;
  for (const LogId id : ids) {
    rocksdb::PinnableSlice value;
    const auto status = database.db().Get({}, database.family(Family::entries), entry_key(query.owner, id), &value);
    if (!status.ok() && !status.IsNotFound()) return std::unexpected(to_error(status, "cannot read the message log"));
    const EntryView entry(status.ok() ? view(value) : std::string_view());
    if (!entry.valid()) return fail(Failure::not_found, "no entry " + to_stanza_id(id) + " in the archive");
    if (!wanted(query, entry)) continue;
    counted += id >= times.first && id <= times.last;
    if (id >= range.first && id <= range.last) page.entries.push_back(entry.to_entry(query.owner, id));
  }
  if (page.entries.size() > query.limit) {
    page.complete = false;
    const auto surplus = static_cast<std::ptrdiff_t>(page.entries.size() - query.limit);
    const auto begin = query.last_page ? page.entries.begin() : page.entries.end() - surplus;
    page.entries.erase(begin, begin + surplus);
  }
  if (query.want_count) page.count = counted;
  return page;
}

/// A row, or nothing.
Result<std::optional<std::string>> get(Database& database, Family family, const std::string& key) {
  std::string value;
  const auto status = database.db().Get({}, database.family(family), key, &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return std::unexpected(to_error(status, "cannot read the message log"));
  return std::optional(std::move(value));
}

}  // namespace

Result<ArchivePage> query(Database& database, const ArchiveQuery& query) {
  if (!query.ids.empty()) return take_ids(database, query);
  rocksdb::ManagedSnapshot snapshot(&database.db());  // page and count tell of the same moment
  ArchivePage page;
  if (auto status = take_page(database, query, snapshot.snapshot(), page); !status)
    return std::unexpected(status.error());
  if (!query.want_count) return page;
  // XEP-0059 §2.6: the count is that of the whole result set, not of what lies before or after this page.
  auto counted = count(database, query, time_range(query), snapshot.snapshot());
  if (!counted) return std::unexpected(counted.error());
  page.count = *counted;
  return page;
}

Result<InboxState> load(Database& database, std::string_view owner) {
  InboxState state;
  for (const Family family : {Family::entries, Family::transient}) {
    const EntryWalk newest(database, family, owner, {}, true);
    if (auto status = newest.status(); !status) return std::unexpected(status.error());
    if (newest.valid()) state.last_id = std::max(state.last_id, newest.id());
  }
  auto position = cursor(database, owner, "");
  if (!position) return std::unexpected(position.error());
  state.cursor = position->value_or(0);
  return state;
}

Result<std::vector<LogEntry>> inbox(Database& database, std::string_view owner, LogId after, size_t limit) {
  std::vector<LogEntry> found;
  if (after == last_log_id) return found;
  const IdRange range{after + 1, last_log_id};
  rocksdb::ManagedSnapshot snapshot(&database.db());
  EntryWalk kept(database, Family::entries, owner, range, false, snapshot.snapshot());
  EntryWalk passing(database, Family::transient, owner, range, false, snapshot.snapshot());
  while (found.size() < limit && (kept.valid() || passing.valid())) {
    const bool take_kept = kept.valid() && (!passing.valid() || kept.id() < passing.id());
    EntryWalk& walk = take_kept ? kept : passing;
    if ((walk.entry().flags & LogEntry::inbox) != 0) found.push_back(walk.to_entry());
    walk.next();
  }
  for (const EntryWalk* walk : {&kept, &passing}) {
    if (auto status = walk->status(); !status) return std::unexpected(status.error());
  }
  return found;
}

Result<std::vector<LogEntry>> find(Database& database, std::string_view owner, const std::vector<LogId>& ids) {
  std::vector<LogEntry> found;
  for (const LogId id : ids) {
    for (const Family family : {Family::entries, Family::transient}) {
      rocksdb::PinnableSlice value;
      const auto status = database.db().Get({}, database.family(family), entry_key(owner, id), &value);
      if (!status.ok() && !status.IsNotFound()) return std::unexpected(to_error(status, "cannot read the message log"));
      const EntryView entry(status.ok() ? view(value) : std::string_view());
      if (!entry.valid()) continue;
      found.push_back(entry.to_entry(owner, id));
      break;
    }
  }
  return found;
}

Result<OldEntries> old_entries(Database& database, std::string_view owner, IdRange range, size_t limit) {
  if (range.empty()) return OldEntries();
  // Read first: it only moves on.
  const auto position = cursor(database, owner, "");
  if (!position) return std::unexpected(position.error());
  OldEntriesWalk part(limit);
  // Nobody is going to read these blocks again.
  EntryWalk walk(database, Family::entries, owner, range, false, nullptr, false);
  for (; walk.valid(); walk.next()) {
    const bool in_inbox = (walk.entry().flags & LogEntry::inbox) != 0;
    if (!part.take(walk.id(), in_inbox && walk.id() > position->value_or(0))) break;
  }
  if (auto status = walk.status(); !status) return std::unexpected(status.error());
  return part.done();
}

Result<std::optional<LogId>> cursor(Database& database, std::string_view owner, std::string_view device) {
  auto row = get(database, Family::state, cursor_key(owner, device));
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::optional<LogId>();
  return std::optional(read_big_endian(**row));
}

Result<bool> has_seen(Database& database, std::string_view owner, std::string_view key) {
  auto row = get(database, Family::seen, owner_begin(owner).append(key));
  if (!row) return std::unexpected(row.error());
  return row->has_value();
}

Result<bool> has_seen_in_memory(Database& database, std::string_view owner, std::string_view key) {
  rocksdb::ReadOptions options;
  options.read_tier = rocksdb::kBlockCacheTier;
  rocksdb::PinnableSlice value;
  const auto status = database.db().Get(options, database.family(Family::seen), owner_begin(owner).append(key), &value);
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  return fail(Failure::unavailable, "the answer is on the disk");
}

Result<std::optional<uint32_t>> counter(Database& database, std::string_view owner, std::string_view session) {
  auto row = get(database, Family::state, counter_key(owner, session));
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::optional<uint32_t>();
  return std::optional(static_cast<uint32_t>(read_big_endian(**row)));
}

}  // namespace rookery::storage::rocks
