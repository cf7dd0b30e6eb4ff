// Reading the log: ranges of entries and single rows.
#pragma once

#include "storage/archive_range.h"
#include "storage/rocksdb/database.h"

namespace rookery::storage::rocks {

Result<ArchivePage> query(Database& database, const ArchiveQuery& query);
Result<InboxState> load(Database& database, std::string_view owner);
Result<std::vector<LogEntry>> inbox(Database& database, std::string_view owner, LogId after, size_t limit);
Result<std::vector<LogEntry>> find(Database& database, std::string_view owner, const std::vector<LogId>& ids);
Result<OldEntries> old_entries(Database& database, std::string_view owner, IdRange range, size_t limit);
Result<std::optional<LogId>> cursor(Database& database, std::string_view owner, std::string_view device);
Result<bool> has_seen(Database& database, std::string_view owner, std::string_view key);
/// Without touching the disk; Failure::unavailable when that does not suffice.
Result<bool> has_seen_in_memory(Database& database, std::string_view owner, std::string_view key);
Result<std::optional<uint32_t>> counter(Database& database, std::string_view owner, std::string_view session);

}  // namespace rookery::storage::rocks
