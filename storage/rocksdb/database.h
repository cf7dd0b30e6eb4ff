// The open RocksDB: its column families, its options, and reopening after errors that it cannot leave by itself.
#pragma once

#include <rocksdb/db.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <vector>

#include "crypto/result.h"
#include "storage/embedded.h"

namespace rookery::storage::rocks {

/// Failure::full for a full disk, Failure::io else; `doing` begins the sentence.
Error to_error(const rocksdb::Status& status, std::string_view doing);

/// Column families by use, because their rows live differently long:
///   entries    archived entries, kept for years
///   transient  entries that are only kept until they are delivered
///   state      cursors, counters, epochs: small and often overwritten
///   seen       keys of messages, which fall out after a week (FIFO compaction with a TTL)
enum class Family { entries, transient, state, seen };

/// One opened RocksDB; closes in the destructor.
class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& folder, const RocksdbOptions& options,
                                                rocksdb::Env* env);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  rocksdb::DB& db() { return *db_; }
  rocksdb::ColumnFamilyHandle* family(Family family) { return families_[static_cast<size_t>(family) + 1]; }

 private:
  Database() = default;

  rocksdb::DB* db_ = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;  ///< [0] is RocksDB's own "default", which stays empty
};

/// The database as readers and the writer share it: a failed one is replaced under the readers' feet.
class DatabaseSlot {
 public:
  DatabaseSlot(std::filesystem::path folder, RocksdbOptions options, rocksdb::Env* env);

  Status open();
  /// Runs `work(Database&)` while nobody closes the database; Failure::unavailable while there is none.
  template <typename Work>
  auto with(Work&& work) const -> std::invoke_result_t<Work, Database&> {
    std::shared_lock lock(mutex_);
    if (!database_) return fail(Failure::unavailable, "the message log is being reopened after an error");
    return work(*database_);
  }
  /// The same, but rather Failure::unavailable than to wait for an opening that is under way.
  template <typename Work>
  auto try_with(Work&& work) const -> std::invoke_result_t<Work, Database&> {
    std::shared_lock lock(mutex_, std::try_to_lock);
    if (!lock || !database_) return fail(Failure::unavailable, "the message log is being reopened after an error");
    return work(*database_);
  }
  /// After a failed write: lets RocksDB resume; if it does not but the disk takes data again, closes and opens it.
  Status recover();

 private:
  Status probe() const;

  const std::filesystem::path folder_;
  const RocksdbOptions options_;
  rocksdb::Env* const env_;
  mutable std::shared_mutex mutex_;
  std::unique_ptr<Database> database_;
};

}  // namespace rookery::storage::rocks
