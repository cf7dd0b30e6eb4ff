// MessageLog in RocksDB: a writer thread and readers around one database.
#pragma once

#include <rocksdb/env.h>

#include "storage/rocksdb/writer.h"

namespace rookery::storage::rocks {

class RocksdbLog final : public MessageLog {
 public:
  /// `env` is for tests that make the disk fail; nullptr is the real one. It outlives the log.
  static Result<std::unique_ptr<MessageLog>> open(const std::filesystem::path& folder, const RocksdbOptions& options,
                                                  rocksdb::Env* env = nullptr);

  void commit(LogBatch batch, std::function<void(Status)> done) override;
  bool healthy() const override { return writer_->healthy(); }
  Result<ArchivePage> query(const ArchiveQuery& query) const override;
  Result<InboxState> load(std::string_view owner) const override;
  Result<std::vector<LogEntry>> inbox(std::string_view owner, LogId after, size_t limit) const override;
  Result<std::vector<LogEntry>> find(std::string_view owner, const std::vector<LogId>& ids) const override;
  Result<OldEntries> old_entries(std::string_view owner, LogId after, LogId before, size_t limit) const override;
  Result<std::optional<LogId>> cursor(std::string_view owner, std::string_view device) const override;
  Result<bool> has_seen(std::string_view owner, std::string_view key) const override;
  std::optional<bool> has_seen_in_memory(std::string_view owner, std::string_view key) const override;
  Status copy_to(const std::filesystem::path& folder) const override;
  Result<std::optional<uint32_t>> counter(std::string_view owner, std::string_view session) const override;

 private:
  RocksdbLog(const std::filesystem::path& folder, const RocksdbOptions& options, rocksdb::Env* env);

  DatabaseSlot database_;
  std::unique_ptr<Writer> writer_;
};

}  // namespace rookery::storage::rocks
