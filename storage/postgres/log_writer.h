// Group commit: one thread writes whatever has queued up since the last commit in as few transactions as possible.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "storage/postgres/log_group.h"

namespace rookery::storage::postgres {

/// A group whose commit was not answered, because the connection broke, may be in the database or not. It is sent again
/// with the same number: take_number() refuses it when it is there, and waits for the former attempt when that is still
/// under way. So a group is written exactly once, and never after a later one.
class LogWriter {
 public:
  using Done = std::function<void(Status)>;

  /// `connection` is the first of those that it needs.
  LogWriter(PostgresOptions options, std::unique_ptr<Connection> connection);
  /// Writes what is queued if the database takes it, else ends it with Failure::unavailable.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  void commit(LogBatch batch, Done done);
  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }

  static constexpr std::string_view purpose = " log";

 private:
  struct Item {
    LogBatch batch;
    Done done;
    std::optional<Status> status;  ///< when it is decided
  };

  void run();
  /// Writes the first items, as many as fit into one group; returns the rest.
  std::span<Item> write_some(std::span<Item> items);
  /// Tries until the database has taken the group, refused it for good, or the log is closed. A refusal says why in
  /// `sqlstate`.
  Status write_group(const LogGroup& group, std::string& sqlstate);
  Answer attempt(const LogGroup& group);
  /// Decides those items whose epoch is not the newest any more.
  void refuse_fenced(std::span<Item> items);
  bool wait_before_retry(std::chrono::milliseconds delay);  ///< false: the log is being closed
  void rotate_seen_daily();

  const PostgresOptions options_;
  const int64_t writer_;  ///< random: this writer among all that there ever were
  int64_t number_ = 0;    ///< of the last group
  std::unique_ptr<Connection> connection_;
  bool gave_up_ = false;  ///< closing, and a group could not be written: no later one may be, order is promised
  std::chrono::steady_clock::time_point rotate_at_ = std::chrono::steady_clock::now();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Item> queue_;  ///< guarded by mutex_
  bool closing_ = false;     ///< guarded by mutex_
  std::atomic<bool> healthy_ = true;
  std::thread thread_;
};

}  // namespace rookery::storage::postgres
