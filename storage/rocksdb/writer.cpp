#include "storage/rocksdb/writer.h"

namespace rookery::storage::rocks {

namespace {
constexpr size_t group_limit_bytes = 2 * 1024 * 1024;
constexpr std::chrono::milliseconds first_retry{200}, longest_retry{1000};
}  // namespace

Writer::Writer(DatabaseSlot& database, BatchEncoder encoder, bool sync)
    : database_(database), encoder_(std::move(encoder)) {
  options_.sync = sync;
  thread_ = std::thread([this] { run(); });
}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Writer::commit(LogBatch batch, Done done) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = queue_.empty();
    queue_.push_back({std::move(batch), std::move(done), {}});
  }
  if (was_empty) wake_.notify_one();
}

void Writer::run() {
  std::vector<Item> items;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      items.swap(queue_);
    }
    for (std::span<Item> rest = items; !rest.empty();) {
      const std::span<Item> beyond = encode(rest);
      const Status written = write_group();
      for (Item& item : rest.first(rest.size() - beyond.size())) {
        if (item.done) item.done(item.status && !written ? written : item.status);
      }
      rest = beyond;
    }
    items.clear();
    flush_seen_daily();
  }
}

std::span<Writer::Item> Writer::encode(std::span<Item> items) {
  group_.Clear();
  size_t taken = 0;
  const Status encoded = database_.with([&](Database& database) -> Status {
    while (taken < items.size() && group_.GetDataSize() < group_limit_bytes) {
      Item& item = items[taken++];
      item.status = encoder_.add(item.batch, database, group_);
    }
    return {};
  });
  if (encoded) return items.subspan(taken);
  for (Item& item : items) item.status = encoded;  // only after retry() gave up without a database
  return {};
}

Status Writer::write_group() {
  if (group_.Count() == 0) return {};
  if (gave_up_)
    return fail(Failure::unavailable, "an earlier batch could not be written before the message log was closed");
  if (const Status status = write_once(); status) return status;
  return retry();
}

Status Writer::write_once() {
  return database_.with([this](Database& database) -> Status {
    const auto status = database.db().Write(options_, &group_);
    if (!status.ok()) return std::unexpected(to_error(status, "cannot write to the message log"));
    return {};
  });
}

Status Writer::retry() {
  healthy_ = false;
  for (auto delay = first_retry;; delay = std::min(2 * delay, longest_retry)) {
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, delay, [this] { return closing_; })) break;
    }
    // A write may succeed without Resume(): some errors RocksDB leaves behind by itself.
    if (!database_.recover() || !write_once()) continue;
    healthy_ = true;
    return {};
  }
  if (database_.recover() && write_once()) return {};
  gave_up_ = true;
  return fail(Failure::unavailable, "the message log was closed while the disk refused to take the batch");
}

void Writer::flush_seen_daily() {
  const auto now = std::chrono::steady_clock::now();
  if (now - seen_flushed_ < std::chrono::hours(24)) return;
  seen_flushed_ = now;
  rocksdb::FlushOptions options;
  options.wait = false;
  // A failure shows in the next write as well, which handles it.
  (void)database_.with([&](Database& database) -> Status {
    (void)database.db().Flush(options, database.family(Family::seen));
    return {};
  });
}

}  // namespace rookery::storage::rocks
