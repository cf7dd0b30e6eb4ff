// The thread on which the relational stores run. Work is done in the order it was asked for, many jobs in one
// transaction: one fsync for all of them (group commit). A job's result is handed back only after its transaction is
// durable. REQUIREMENTS 21: a write that the disk refuses fails, and whoever asked is told; healthy() is false, and
// reading from clients stops, until a trial write succeeds. Reads go on meanwhile.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include "server/loop.h"
#include "storage/stores.h"

namespace rookery::server {

class StoreWorker {
 public:
  explicit StoreWorker(std::unique_ptr<storage::Stores> stores);
  ~StoreWorker();  ///< finishes what is queued

  template <typename Work>
  using ResultOf = std::invoke_result_t<Work, storage::Stores&>;

  /// `work(stores)` returns Result<T> or Status and runs on the worker; `then(result)` runs on the calling loop.
  template <typename Work, typename Then>
  void run(Work work, Then then) {
    run(storage::Fence{}, std::move(work), std::move(then));
  }
  /// What `work` writes is refused (Failure::fenced) once the fence's shard has a newer epoch.
  template <typename Work, typename Then>
  void run(storage::Fence fence, Work work, Then then) {
    Item item = make_item(std::move(work), std::move(then), false);
    item.fence = fence;
    enqueue(std::move(item));
  }

  /// The same for work that only reads, and may be done twice: a commit that fails beside it is not its failure.
  template <typename Work, typename Then>
  void read(Work work, Then then) {
    enqueue(make_item(std::move(work), std::move(then), true));
  }

  /// `auto result = co_await worker.run(work);` with `work` a named callable.
  template <typename Work>
  auto run(Work work) {
    return run(storage::Fence{}, std::move(work));
  }
  template <typename Work>
  auto run(storage::Fence fence, Work work) {
    struct Awaiter {
      StoreWorker& worker;
      storage::Fence fence;
      Work work;
      std::optional<ResultOf<Work>> result;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> waiting) {
        worker.run(fence, std::move(work), [this, waiting](ResultOf<Work> got) {
          result.emplace(std::move(got));
          waiting.resume();
        });
      }
      ResultOf<Work> await_resume() { return std::move(*result); }
    };
    return Awaiter{*this, fence, std::move(work), {}};
  }

  bool healthy() const { return healthy_; }
  size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }  ///< jobs that have not begun; any thread

 private:
  struct Item {
    std::move_only_function<Status(storage::Stores&)> work;
    std::move_only_function<void(const Status&)> done;
    Loop* loop = nullptr;  ///< null: `done` runs on the worker (before the loops have started)
    bool reads_only = false;
    storage::Fence fence = {};
    Status status;
  };

  template <typename Work, typename Then>
  static Item make_item(Work work, Then then, bool reads_only) {
    auto slot = std::make_shared<std::optional<ResultOf<Work>>>();
    return {.work = [slot, work = std::move(work)](storage::Stores& stores) mutable -> Status {
              slot->emplace(work(stores));
              if (!slot->value()) return std::unexpected<Error>(slot->value().error());
              return {};
            },
            .done =
                [slot, then = std::move(then)](const Status& committed) mutable {
                  if (!committed) slot->emplace(std::unexpected<Error>(committed.error()));
                  then(std::move(**slot));
                },
            .loop = Loop::current(),
            .reads_only = reads_only,
            .fence = {},
            .status = {}};
  }
  void enqueue(Item item);
  void main();
  std::vector<Item> next_batch();  ///< waits; empty: stopping, or a trial write is due
  void run_batch(std::vector<Item>& batch);
  Status commit(std::vector<Item>& batch);
  void try_to_write();
  static void hand_back(Item& item, Status committed);

  std::unique_ptr<storage::Stores> stores_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<Item> queue_;
  std::atomic<size_t> waiting_ = 0;  ///< the queue's length
  std::atomic<bool> stopping_ = false;
  uint64_t trials_ = 0;
  std::chrono::steady_clock::time_point last_trial_{};
  std::atomic<bool> healthy_ = true;
  std::thread thread_;
};

}  // namespace rookery::server
