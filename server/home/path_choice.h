// Which of an account's devices can be reached right now: a pure judgement of what is known of a connection.
#pragma once

#include <chrono>
#include <string_view>

#include "server/net/link_health.h"

namespace rookery::server {

enum class Path {
  healthy,
  slow,     ///< works, with losses or long round trips
  stalled,  ///< nothing gets through, or nobody reads it: it is not fed any more, and its device is pushed to
};
std::string_view to_string(Path path);

/// `unanswered`: how long ago the client was asked to acknowledge (XEP-0198 <r/>) without having answered; 0 when it
/// has. `patience`: how long it may take for that. A link that knows nothing of its socket is judged by its answers
/// alone.
Path judge_path(const LinkHealth& health, std::chrono::milliseconds unanswered, std::chrono::milliseconds patience);

}  // namespace rookery::server
