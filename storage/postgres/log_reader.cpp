#include "storage/postgres/log_reader.h"

#include <algorithm>

#include "storage/archive_range.h"

namespace rookery::storage::postgres {

namespace {

// Ids are positive bigints. A range's end beyond them is the same as the largest.
int64_t sql_id(LogId id) { return static_cast<int64_t>(std::min<LogId>(id, INT64_MAX)); }

/// XEP-0313 §4.1.1: a bare JID matches all its resources, a full one only itself. What stands behind the bare JID, or
/// nothing when all resources are wanted.
struct With {
  explicit With(const ArchiveQuery& query) : jid(query.with.value_or("")) {
    if (query.with && jid.find('/') == std::string::npos) prefix = jid + '/';
  }
  bool matches(std::string_view peer) const {
    return jid.empty() || peer == jid || (!prefix.empty() && peer.starts_with(prefix));
  }
  std::string jid, prefix;
};

LogEntry entry_of(const Rows& row, std::string_view owner) {
  return {.owner = std::string(owner),
          .id = static_cast<LogId>(row.integer(0)),
          .flags = static_cast<uint8_t>(row.integer(1)),
          .peer = row.text(2),
          .xml = row.text(3)};
}

// $4 is empty when everybody is wanted; $5 is empty when $4 is a full JID.
const std::string in_range =
    " FROM log_entries WHERE owner = $1 AND id BETWEEN $2 AND $3 AND ($4 = '' OR peer = $4 OR ($5 <> '' AND "
    "starts_with(peer, $5)))";
const std::string oldest_first = "SELECT id, flags, peer, xml" + in_range + " ORDER BY id LIMIT $6";
const std::string newest_first = "SELECT id, flags, peer, xml" + in_range + " ORDER BY id DESC LIMIT $6";
const std::string how_many = "SELECT count(*) FROM (SELECT" + in_range + " LIMIT $6) AS found";

/// Fills in entries and complete.
Status take_page(Database& database, const ArchiveQuery& query, ArchivePage& page) {
  const IdRange range = page_range(query, time_range(query));
  if (range.empty()) return {};
  const With with(query);
  const auto one_more = static_cast<int64_t>(std::min<size_t>(query.limit, INT64_MAX - 1)) + 1;
  auto rows = database.query(query.last_page ? newest_first : oldest_first, query.owner, sql_id(range.first),
                             sql_id(range.last), with.jid, with.prefix, one_more);
  while (rows.next()) {
    if (page.entries.size() == query.limit) {
      page.complete = false;
      break;
    }
    page.entries.push_back(entry_of(rows, query.owner));
  }
  if (query.last_page) std::ranges::reverse(page.entries);
  return rows.status();
}

/// XEP-0059 §2.6: the count is that of the whole result set, not of what lies before or after this page.
Status count(Database& database, const ArchiveQuery& query, ArchivePage& page) {
  page.count = 0;
  const IdRange range = time_range(query);
  if (range.empty()) return {};
  const With with(query);
  auto row = database.query(how_many, query.owner, sql_id(range.first), sql_id(range.last), with.jid, with.prefix,
                            longest_count);
  if (row.next()) page.count = static_cast<size_t>(row.integer(0));
  return row.status();
}

/// XEP-0313 §4.1.4: exactly these entries, or item-not-found. The other bounds still apply to what was found.
Result<ArchivePage> take_ids(Database& database, const ArchiveQuery& query) {
  std::vector<LogId> ids = query.ids;
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  Array wanted = Array::of_integers();
  for (const LogId id : ids) wanted.add(sql_id(id));

  const IdRange times = time_range(query), range = page_range(query, times);
  const With with(query);
  ArchivePage page;
  size_t found = 0, counted = 0;
  auto rows = database.query(
      "SELECT id, flags, peer, xml FROM log_entries WHERE owner = $1 AND id = ANY ($2::bigint[]) ORDER BY id",
      query.owner, wanted);
  for (; rows.next(); ++found) {
    LogEntry entry = entry_of(rows, query.owner);
    if (!with.matches(entry.peer)) continue;
    counted += entry.id >= times.first && entry.id <= times.last;
    if (entry.id >= range.first && entry.id <= range.last) page.entries.push_back(std::move(entry));
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  if (found != ids.size()) return fail(Failure::not_found, "an entry that was asked for is not in the archive");
  if (page.entries.size() > query.limit) {
    page.complete = false;
    const auto surplus = static_cast<std::ptrdiff_t>(page.entries.size() - query.limit);
    const auto begin = query.last_page ? page.entries.begin() : page.entries.end() - surplus;
    page.entries.erase(begin, begin + surplus);
  }
  if (query.want_count) page.count = counted;
  return page;
}

/// A number, or nothing when there is no row.
Result<std::optional<int64_t>> number(Rows row) {
  std::optional<int64_t> found;
  if (row.next()) found = row.integer(0);
  if (auto status = row.status(); !status) return std::unexpected(status.error());
  return found;
}

}  // namespace

LogReader::LogReader(const PostgresOptions& options) {
  for (size_t i = 0; i < std::max<size_t>(options.log_readers, 1); ++i) {
    idle_.push_back(std::make_unique<Database>(options, " log reader"));
  }
}

LogReader::Loan::Loan(LogReader& from) : reader(from) {
  std::unique_lock lock(reader.mutex_);
  reader.returned_.wait(lock, [this] { return !reader.idle_.empty(); });
  database = std::move(reader.idle_.back());  // the one used last: its connection is warm
  reader.idle_.pop_back();
}

LogReader::Loan::~Loan() {
  {
    const std::lock_guard lock(reader.mutex_);
    reader.idle_.push_back(std::move(database));
  }
  reader.returned_.notify_one();
}

Result<ArchivePage> LogReader::query(const ArchiveQuery& query) {
  return with([&](Database& database) -> Result<ArchivePage> {
    if (!query.ids.empty()) return take_ids(database, query);
    ArchivePage page;
    const auto read = [&]() -> Status {
      if (auto status = take_page(database, query, page); !status || !query.want_count) return status;
      return count(database, query, page);
    };
    const Status done = query.want_count ? database.snapshot(read) : read();  // page and count tell of the same moment
    if (!done) return std::unexpected(done.error());
    return page;
  });
}

Result<InboxState> LogReader::load(std::string_view owner) {
  return with([&](Database& database) -> Result<InboxState> {
    auto row = database.query(
        "SELECT greatest((SELECT max(id) FROM log_entries WHERE owner = $1), (SELECT max(id) FROM log_transient WHERE "
        "owner = $1), 0),"
        " coalesce((SELECT id FROM log_cursors WHERE owner = $1 AND device = ''), 0)",
        owner);
    InboxState state;
    if (row.next())
      state = {.last_id = static_cast<LogId>(row.integer(0)), .cursor = static_cast<LogId>(row.integer(1))};
    if (auto status = row.status(); !status) return std::unexpected(status.error());
    return state;
  });
}

Result<std::vector<LogEntry>> LogReader::inbox(std::string_view owner, LogId after, size_t limit) {
  return with([&](Database& database) -> Result<std::vector<LogEntry>> {
    std::vector<LogEntry> found;
    const auto most = static_cast<int64_t>(std::min<size_t>(limit, INT64_MAX));
    auto rows = database.query(
        "SELECT * FROM ((SELECT id, flags, peer, xml FROM log_entries WHERE owner = $1 AND id > $2 AND (flags & "
        "2::smallint) <> 0"
        " ORDER BY id LIMIT $3) UNION ALL (SELECT id, flags, peer, xml FROM log_transient WHERE owner = $1 AND id > $2"
        " AND (flags & 2::smallint) <> 0 ORDER BY id LIMIT $3)) AS waiting ORDER BY id LIMIT $3",
        owner, sql_id(after), most);
    while (rows.next()) found.push_back(entry_of(rows, owner));
    if (auto status = rows.status(); !status) return std::unexpected(status.error());
    return found;
  });
}

Result<OldEntries> LogReader::old_entries(std::string_view owner, LogId after, LogId before, size_t limit) {
  return with([&](Database& database) -> Result<OldEntries> {
    OldEntriesWalk part(limit);
    const auto one_more = static_cast<int64_t>(std::min<size_t>(limit, INT64_MAX - 1)) + 1;
    auto rows = database.query(
        "SELECT id, ((flags & 2::smallint) <> 0 AND id > coalesce((SELECT c.id FROM log_cursors c WHERE c.owner = $1"
        " AND c.device = ''), 0))::int::bigint FROM log_entries WHERE owner = $1 AND id > $2 AND id < $3 ORDER BY id"
        " LIMIT $4",
        owner, sql_id(after), sql_id(before), one_more);
    while (rows.next() && part.take(static_cast<LogId>(rows.integer(0)), rows.boolean(1))) {
    }
    if (auto status = rows.status(); !status) return std::unexpected(status.error());
    return part.done();
  });
}

Result<std::vector<std::string>> LogReader::with_older(const std::vector<std::string>& owners, LogId before) {
  return with([&](Database& database) -> Result<std::vector<std::string>> {
    Array asked = Array::of_text();
    for (const auto& owner : owners) asked.add(owner);
    std::vector<std::string> found;
    // One search in the index for each.
    auto rows = database.query(
        "SELECT o.owner FROM unnest($1::text[]) AS o(owner), LATERAL (SELECT FROM log_entries e WHERE e.owner = o.owner"
        " AND e.id < $2 ORDER BY e.id LIMIT 1) AS oldest",
        asked, sql_id(before));
    while (rows.next()) found.push_back(rows.text(0));
    if (auto status = rows.status(); !status) return std::unexpected(status.error());
    return found;
  });
}

Result<std::optional<LogId>> LogReader::cursor(std::string_view owner, std::string_view device) {
  auto found = with([&](Database& database) {
    return number(database.query("SELECT id FROM log_cursors WHERE owner = $1 AND device = $2", owner, device));
  });
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::optional<LogId>();
  return std::optional(static_cast<LogId>(**found));
}

Result<bool> LogReader::has_seen(std::string_view owner, std::string_view key) {
  auto found = with([&](Database& database) {
    // The slots by name, so that each is one search in its index. What is known gets acknowledged: see
    // wait_for_standbys.
    return number(database.query(
        "SELECT 1, pg_logical_emit_message(true, 'rookery', '') FROM (SELECT FROM log_seen WHERE slot IN (0, 1, 2)"
        " AND owner = $1 AND key = $2 LIMIT 1) AS known",
        owner, key));
  });
  if (!found) return std::unexpected(found.error());
  return found->has_value();
}

Result<std::optional<uint32_t>> LogReader::counter(std::string_view owner, std::string_view session) {
  auto found = with([&](Database& database) {
    // A client is told this number: see wait_for_standbys.
    return number(
        database.query("SELECT handled, pg_logical_emit_message(true, 'rookery', '') FROM log_counters WHERE owner = "
                       "$1 AND session = $2",
                       owner, session));
  });
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::optional<uint32_t>();
  return std::optional(static_cast<uint32_t>(**found));
}

}  // namespace rookery::storage::postgres
