// What every MessageLog must do, whatever the backend. A backend's test instantiates the suite with its factory:
//   INSTANTIATE_TEST_SUITE_P(Rocksdb, MessageLogContract, testing::Values(LogBackend{"rocksdb", open}));
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>

#include "storage/message_log.h"
#include "tests/unit/storage/temporary_folder.h"

namespace rookery::storage {

struct LogBackend {
  const char* name;
  /// Opens the log whose data lives in (or is named after) the folder; called again after the log was destroyed.
  std::function<Result<std::unique_ptr<MessageLog>>(const std::filesystem::path& folder)> open;
};
inline void PrintTo(const LogBackend& backend, std::ostream* out) { *out << backend.name; }

inline LogEntry entry(std::string owner, LogId id, uint8_t flags = LogEntry::archived | LogEntry::inbox,
                      std::string peer = "romeo@example.org/orchard") {
  return {.owner = std::move(owner),
          .id = id,
          .flags = flags,
          .peer = std::move(peer),
          .xml = "<m n='" + std::to_string(id) + "'/>"};
}

inline std::vector<LogId> ids_of(const std::vector<LogEntry>& entries) {
  std::vector<LogId> ids;
  for (const auto& e : entries) ids.push_back(e.id);
  return ids;
}

/// Commits and waits for `done`.
inline Status commit(MessageLog& log, LogBatch batch) {
  std::mutex mutex;
  std::condition_variable ready;
  std::optional<Status> result;
  log.commit(std::move(batch), [&](Status status) {
    const std::lock_guard lock(mutex);
    result = std::move(status);
    ready.notify_one();
  });
  std::unique_lock lock(mutex);
  ready.wait(lock, [&] { return result.has_value(); });
  return *result;
}

class MessageLogContract : public testing::TestWithParam<LogBackend> {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    log.reset();
    auto opened = GetParam().open(folder.path());
    ASSERT_TRUE(opened) << opened.error().message;
    log = std::move(*opened);
  }
  void write(LogBatch batch) {
    const auto status = commit(*log, std::move(batch));
    ASSERT_TRUE(status) << status.error().message;
  }
  void write(std::vector<LogEntry> entries) { write(LogBatch{.entries = std::move(entries)}); }
  /// As the sweep does it; returns what has gone.
  std::vector<LogId> expire(const std::string& owner, LogId before, size_t limit = 1000) {
    std::vector<LogId> gone;
    for (std::optional<LogId> after = 0; after;) {
      auto part = log->old_entries(owner, *after, before, limit).value();
      after = part.go_on;
      gone.insert(gone.end(), part.ids.begin(), part.ids.end());
      if (!part.ids.empty()) write(LogBatch{.expired = {{owner, std::move(part.ids)}}});
    }
    return gone;
  }
  std::vector<LogId> inbox_ids(LogId after = 0, size_t limit = 100) {
    return ids_of(log->inbox(juliet, after, limit).value());
  }
  std::vector<LogId> archive_ids() { return ids_of(log->query({.owner = juliet, .limit = 1000}).value().entries); }

  const std::string juliet = "juliet@example.com";
  TemporaryFolder folder;
  std::unique_ptr<MessageLog> log;
};

}  // namespace rookery::storage
