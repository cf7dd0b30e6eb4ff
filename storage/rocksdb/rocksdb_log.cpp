#include "storage/rocksdb/rocksdb_log.h"

#include <rocksdb/utilities/checkpoint.h>

#include "storage/rocksdb/reader.h"

namespace rookery::storage {

namespace rocks {

RocksdbLog::RocksdbLog(const std::filesystem::path& folder, const RocksdbOptions& options, rocksdb::Env* env)
    : database_(folder, options, env) {}

Result<std::unique_ptr<MessageLog>> RocksdbLog::open(const std::filesystem::path& folder, const RocksdbOptions& options,
                                                     rocksdb::Env* env) {
  std::unique_ptr<RocksdbLog> log(new RocksdbLog(folder, options, env));
  if (auto status = log->database_.open(); !status) return std::unexpected(status.error());
  BatchEncoder encoder;
  auto loaded = log->database_.with([&](Database& database) { return encoder.load(database); });
  if (!loaded) return std::unexpected(loaded.error());
  log->writer_ = std::make_unique<Writer>(log->database_, std::move(encoder), options.sync);
  return std::unique_ptr<MessageLog>(std::move(log));
}

void RocksdbLog::commit(LogBatch batch, std::function<void(Status)> done) {
  writer_->commit(std::move(batch), std::move(done));
}

Result<ArchivePage> RocksdbLog::query(const ArchiveQuery& query) const {
  return database_.with([&](Database& database) { return rocks::query(database, query); });
}

Result<InboxState> RocksdbLog::load(std::string_view owner) const {
  return database_.with([&](Database& database) { return rocks::load(database, owner); });
}

Result<std::vector<LogEntry>> RocksdbLog::inbox(std::string_view owner, LogId after, size_t limit) const {
  return database_.with([&](Database& database) { return rocks::inbox(database, owner, after, limit); });
}

Result<std::vector<LogEntry>> RocksdbLog::find(std::string_view owner, const std::vector<LogId>& ids) const {
  return database_.with([&](Database& database) { return rocks::find(database, owner, ids); });
}

Result<OldEntries> RocksdbLog::old_entries(std::string_view owner, LogId after, LogId before, size_t limit) const {
  if (before == 0) return OldEntries();
  const IdRange range{after + 1, before - 1};
  return database_.with([&](Database& database) { return rocks::old_entries(database, owner, range, limit); });
}

Result<std::optional<LogId>> RocksdbLog::cursor(std::string_view owner, std::string_view device) const {
  return database_.with([&](Database& database) { return rocks::cursor(database, owner, device); });
}

Result<bool> RocksdbLog::has_seen(std::string_view owner, std::string_view key) const {
  return database_.with([&](Database& database) { return rocks::has_seen(database, owner, key); });
}

std::optional<bool> RocksdbLog::has_seen_in_memory(std::string_view owner, std::string_view key) const {
  const auto seen =
      database_.try_with([&](Database& database) { return rocks::has_seen_in_memory(database, owner, key); });
  return seen ? std::optional(*seen) : std::nullopt;
}

Result<std::optional<uint32_t>> RocksdbLog::counter(std::string_view owner, std::string_view session) const {
  return database_.with([&](Database& database) { return rocks::counter(database, owner, session); });
}

Status RocksdbLog::copy_to(const std::filesystem::path& folder) const {
  return database_.with([&](Database& database) -> Status {
    rocksdb::Checkpoint* made = nullptr;
    auto status = rocksdb::Checkpoint::Create(&database.db(), &made);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    // Files are immutable, so on one file system they are linked, not copied.
    if (status.ok()) status = checkpoint->CreateCheckpoint(folder.string());
    if (!status.ok()) return std::unexpected(to_error(status, "cannot copy the message log"));
    return {};
  });
}

}  // namespace rocks

Result<std::unique_ptr<MessageLog>> open_rocksdb(const std::filesystem::path& folder, RocksdbOptions options) {
  return rocks::RocksdbLog::open(folder, options);
}

}  // namespace rookery::storage
