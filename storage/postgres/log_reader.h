// Reading the log on a few connections of its own: readers do not wait for the writer, nor for one another.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "storage/postgres/database.h"

namespace rookery::storage::postgres {

class LogReader {
 public:
  explicit LogReader(const PostgresOptions& options);

  Result<ArchivePage> query(const ArchiveQuery& query);
  Result<InboxState> load(std::string_view owner);
  Result<std::vector<LogEntry>> inbox(std::string_view owner, LogId after, size_t limit);
  Result<OldEntries> old_entries(std::string_view owner, LogId after, LogId before, size_t limit);
  Result<std::vector<std::string>> with_older(const std::vector<std::string>& owners, LogId before);
  Result<std::optional<LogId>> cursor(std::string_view owner, std::string_view device);
  Result<bool> has_seen(std::string_view owner, std::string_view key);
  Result<std::optional<uint32_t>> counter(std::string_view owner, std::string_view session);

 private:
  /// Runs `work(Database&)` with a connection that nobody else uses; waits for one.
  template <typename Work>
  auto with(Work&& work) -> std::invoke_result_t<Work, Database&> {
    const Loan loan(*this);
    return work(*loan.database);
  }
  struct Loan {
    explicit Loan(LogReader& reader);
    ~Loan();
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    LogReader& reader;
    std::unique_ptr<Database> database;
  };

  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Database>> idle_;  ///< guarded by mutex_; not connected before they are used
};

}  // namespace rookery::storage::postgres
