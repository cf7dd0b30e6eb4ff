#include "server/store_worker.h"

#include <algorithm>
#include <chrono>

#include "server/log.h"

namespace rookery::server {

namespace {

constexpr size_t jobs_per_transaction = 256;
constexpr auto trial_interval = std::chrono::milliseconds(250);

/// What may mean that the disk refuses, as opposed to what a single job did wrong.
bool is_trouble(const Status& status) {
  if (status) return false;
  const Failure failure = status.error().failure;
  return failure == Failure::full || failure == Failure::io || failure == Failure::unavailable;
}

}  // namespace

StoreWorker::StoreWorker(std::unique_ptr<storage::Stores> stores) : stores_(std::move(stores)) {
  thread_ = std::thread([this] { main(); });
}

StoreWorker::~StoreWorker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_one();
  thread_.join();
}

void StoreWorker::enqueue(Item item) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(item));
    waiting_ = queue_.size();
  }
  ready_.notify_one();
}

void StoreWorker::main() {
  for (;;) {
    std::vector<Item> batch = next_batch();
    if (batch.empty() && stopping_) return;
    if (!batch.empty()) run_batch(batch);
    if (!healthy_ && std::chrono::steady_clock::now() - last_trial_ >= trial_interval) try_to_write();
  }
}

std::vector<StoreWorker::Item> StoreWorker::next_batch() {
  std::vector<Item> batch;
  std::unique_lock lock(mutex_);
  const auto wanted = [this] { return stopping_ || !queue_.empty(); };
  if (healthy_) {
    ready_.wait(lock, wanted);
  } else {
    ready_.wait_for(lock, trial_interval, wanted);
  }
  // While the disk refuses, each job has a transaction of its own: a write that fails takes no read with it.
  const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), healthy_ ? jobs_per_transaction : 1));
  batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.begin() + count));
  queue_.erase(queue_.begin(), queue_.begin() + count);
  waiting_ = queue_.size();
  return batch;
}

Status StoreWorker::commit(std::vector<Item>& batch) {
  // A job that fails undoes only itself; the others of the transaction stand.
  return stores_->transaction([&]() -> Status {
    for (Item& item : batch) {
      item.status = stores_->step([&] { return item.work(*stores_); }, item.fence);
    }
    return {};
  });
}

void StoreWorker::run_batch(std::vector<Item>& batch) {
  const Status committed = commit(batch);
  const bool trouble =
      is_trouble(committed) || std::ranges::any_of(batch, [](const Item& item) { return is_trouble(item.status); });
  // Before anybody is told that a write failed, healthy() says whether the next one has a chance.
  if (trouble && healthy_) try_to_write();
  for (Item& item : batch) {
    if (committed || !item.reads_only) {
      // The job's own failure is in its result already; a failed commit replaces every result.
      hand_back(item, committed);
      continue;
    }
    // It may have read what was rolled back: once more, alone.
    std::vector<Item> again;
    again.push_back(std::move(item));
    const Status read = commit(again);
    hand_back(again.front(), read);
  }
}

void StoreWorker::try_to_write() {
  static const xmpp::Jid owner = xmpp::Jid::parse("trial.invalid").value();  // RFC 2606 §2: nobody's
  const std::string value = std::to_string(++trials_) + std::string(16 * 1024, '.');
  const Status written = stores_->transaction([&] { return stores_->values().put(owner, "trial", "", value); });
  last_trial_ = std::chrono::steady_clock::now();
  if (!written && healthy_.exchange(false)) {
    log::error("store_failed", {{"error", written.error().message}});
  } else if (written && !healthy_.exchange(true)) {
    log::info("store_recovered");
  }
}

void StoreWorker::hand_back(Item& item, Status committed) {
  auto deliver = [done = std::move(item.done), committed = std::move(committed)]() mutable { done(committed); };
  if (item.loop == nullptr) {
    deliver();
  } else {
    item.loop->post(std::move(deliver));
  }
}

}  // namespace rookery::server
