// Turns LogBatches into one RocksDB write, keeping the rules that need memory: fencing and what is transient.
#pragma once

#include <rocksdb/write_batch.h>

#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "storage/rocksdb/database.h"

namespace rookery::storage::rocks {

/// Used by the writer's thread only. Its memory runs ahead of the disk by the write that is being retried, and that is
/// right: batches are written in order or not at all.
class BatchEncoder {
 public:
  /// Reads epochs and the keys of transient entries.
  Status load(Database& database);
  /// Appends the batch to `out`; Failure::fenced leaves `out` as it was.
  Status add(const LogBatch& batch, Database& database, rocksdb::WriteBatch& out);

 private:
  Status check_fences(const LogBatch& batch, Database& database, rocksdb::WriteBatch& out);
  void add_entry(const LogEntry& entry, Database& database, rocksdb::WriteBatch& out);
  void add_cursor(const LogBatch::Cursor& cursor, Database& database, rocksdb::WriteBatch& out);
  void add_delivered(const LogBatch::Key& key, Database& database, rocksdb::WriteBatch& out);
  void add_expired(const LogBatch::Expired& expired, Database& database, rocksdb::WriteBatch& out);
  void add_purge(const std::string& owner, Database& database, rocksdb::WriteBatch& out);

  std::unordered_map<uint32_t, uint64_t> epochs_;
  /// Ids of entries that are not archived and not delivered: erasing them then costs no read.
  std::unordered_map<std::string, std::set<LogId>> transient_;
  std::string scratch_;
};

}  // namespace rookery::storage::rocks
