// Threads for work that blocks on something else than the stores: files, the derivation of keys. Results come back to
// the loop that asked.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include "crypto/result.h"
#include "server/loop.h"

namespace rookery::server {

class WorkerPool {
 public:
  /// `most_waiting`: what try_run() lets wait for a thread.
  explicit WorkerPool(unsigned threads, size_t most_waiting = SIZE_MAX);
  ~WorkerPool();  ///< finishes what is queued

  /// `work()` runs on a thread of the pool, `then(result)` on the calling loop. Two jobs of one caller may run at the
  /// same time: whoever needs an order asks for the next one in `then`.
  template <typename Work, typename Then>
  void run(Work work, Then then) {
    enqueue([work = std::move(work), then = std::move(then), loop = Loop::current()]() mutable {
      auto result = work();
      loop->post([result = std::move(result), then = std::move(then)]() mutable { then(std::move(result)); });
    });
  }
  /// The same without an answer.
  void run(Job work) { enqueue(std::move(work)); }

  /// For work that strangers ask for, which returns a Result<T> or Status: where too much waits already, `then` is
  /// called at once with Failure::full.
  template <typename Work, typename Then>
  void try_run(Work work, Then then) {
    if (is_full()) return then(std::invoke_result_t<Work>(fail(Failure::full, "too much waits for a thread")));
    run(std::move(work), std::move(then));
  }
  /// `auto job = pool.try_run(work); auto result = co_await job;`
  template <typename Work>
  auto try_run(Work work) {
    using Outcome = std::invoke_result_t<Work>;
    struct Awaiter {
      WorkerPool& pool;
      Work work;
      std::optional<Outcome> result;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> waiting) {
        pool.try_run(std::move(work), [this, waiting](Outcome got) {
          result.emplace(std::move(got));
          waiting.resume();
        });
      }
      Outcome await_resume() { return std::move(*result); }
    };
    return Awaiter{*this, std::move(work), {}};
  }

 private:
  bool is_full();
  void enqueue(Job job);
  void main();

  const size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Job> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace rookery::server
