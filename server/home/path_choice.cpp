#include "server/home/path_choice.h"

namespace rookery::server {

namespace {
constexpr auto slow_round_trip = std::chrono::seconds(1);
// Linux doubles the pause from 200 ms on: five in a row are six seconds, two may be one lost packet of a radio that
// wakes up.
constexpr uint32_t dead_timeouts = 5, slow_timeouts = 2;
}  // namespace

std::string_view to_string(Path path) {
  switch (path) {
    case Path::healthy:
      return "healthy";
    case Path::slow:
      return "slow";
    case Path::stalled:
      break;
  }
  return "stalled";
}

Path judge_path(const LinkHealth& health, std::chrono::milliseconds unanswered, std::chrono::milliseconds patience) {
  const bool is_waiting = unanswered.count() > 0;
  const bool is_stuck = health.unacked_bytes + health.outbox_bytes > 0 && health.silence >= patience / 2;
  if (unanswered >= patience) return Path::stalled;
  // Without a question that waits for its answer nothing is lost by waiting on.
  if (is_waiting && (is_stuck || health.timeouts_in_a_row >= dead_timeouts)) return Path::stalled;
  if (health.rtt >= slow_round_trip || health.timeouts_in_a_row >= slow_timeouts || unanswered >= patience / 4)
    return Path::slow;
  return Path::healthy;
}

}  // namespace rookery::server
