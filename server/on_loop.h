// Asking another loop, from a coroutine.
#pragma once

#include <coroutine>
#include <optional>
#include <type_traits>

#include "server/loop.h"

namespace rookery::server {

/// `auto asking = on_loop(loop, function); auto value = co_await asking;`: runs `function` there, and goes on here.
template <typename Function>
auto on_loop(Loop& loop, Function function) {
  using Value = std::invoke_result_t<Function>;
  struct Awaiter {
    Loop& loop;
    Function function;
    std::optional<Value> value;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
      loop.post([this, waiting, back = Loop::current()] {
        value.emplace(function());
        back->post([waiting] { waiting.resume(); });
      });
    }
    Value await_resume() { return std::move(*value); }
  };
  return Awaiter{loop, std::move(function), {}};
}

}  // namespace rookery::server
