#include "server/task.h"

#include "server/log.h"

namespace rookery::server {

namespace {

// Destroys itself at its end.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

Detached run(Task<void> task, const char* what) {
  try {
    co_await task;
  } catch (const std::exception& error) {
    log::error("task_failed", {{"task", what}, {"error", error.what()}});
  }
}

}  // namespace

void spawn(Task<void> task, const char* what) { run(std::move(task), what); }

}  // namespace rookery::server
