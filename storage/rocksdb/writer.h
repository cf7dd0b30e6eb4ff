// Group commit: one thread writes whatever has queued up since the last sync in as few syncs as possible.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "storage/rocksdb/batch_encoder.h"

namespace rookery::storage::rocks {

class Writer {
 public:
  using Done = std::function<void(Status)>;

  /// `encoder` is loaded; `database` outlives the writer.
  Writer(DatabaseSlot& database, BatchEncoder encoder, bool sync);
  /// Writes what is queued if the disk takes it, else ends it with Failure::unavailable.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void commit(LogBatch batch, Done done);
  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }

 private:
  struct Item {
    LogBatch batch;
    Done done;
    Status status;
  };

  void run();
  /// Encodes a run of items that is small enough for one write; returns the rest.
  std::span<Item> encode(std::span<Item> items);
  Status write_group();
  Status write_once();
  /// Keeps trying until the disk takes the group or the log is closed.
  Status retry();
  void flush_seen_daily();

  DatabaseSlot& database_;
  BatchEncoder encoder_;
  rocksdb::WriteOptions options_;
  rocksdb::WriteBatch group_;
  bool gave_up_ = false;  ///< closing, and a group could not be written: no later one may be, order is promised
  std::chrono::steady_clock::time_point seen_flushed_ = std::chrono::steady_clock::now();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Item> queue_;  ///< guarded by mutex_
  bool closing_ = false;     ///< guarded by mutex_
  std::atomic<bool> healthy_ = true;
  std::thread thread_;
};

}  // namespace rookery::storage::rocks
