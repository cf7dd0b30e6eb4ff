#include "server/store_worker.h"

#include <algorithm>

#include "server/log.h"

namespace rookery::server {

namespace {
constexpr size_t jobs_per_transaction = 256;
}

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
  }
  ready_.notify_one();
}

void StoreWorker::main() {
  for (;;) {
    std::vector<Item> batch;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      const auto count = std::min(queue_.size(), jobs_per_transaction);
      batch.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.begin() + count));
      queue_.erase(queue_.begin(), queue_.begin() + count);
    }
    run_batch(batch);
  }
}

void StoreWorker::run_batch(std::vector<Item>& batch) {
  // A job that fails undoes only itself; the others of the transaction stand.
  const Status committed = stores_->transaction([&]() -> Status {
    for (Item& item : batch) {
      item.status = stores_->step([&] { return item.work(*stores_); });
    }
    return {};
  });
  if (!committed && healthy_.exchange(false)) {
    log::error("store_failed", {{"error", committed.error().message}});
  } else if (committed && !healthy_.exchange(true)) {
    log::info("store_recovered");
  }
  for (Item& item : batch) {
    // The job's own failure is in its result already; a failed commit replaces every result.
    auto deliver = [done = std::move(item.done), committed]() mutable { done(committed); };
    if (item.loop == nullptr) {
      deliver();
    } else {
      item.loop->post(std::move(deliver));
    }
  }
}

}  // namespace rookery::server
