// How a connection's way to its peer does right now: for choosing between ways, and for `rookeryctl sessions`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace rookery::server {

/// What the kernel and our own outbox say (tcp(7), TCP_INFO): two system calls, no waiting. A connection that has
/// ended, or a link that knows nothing of its socket, has all zeros.
struct LinkHealth {
  std::chrono::microseconds rtt{0};  ///< smoothed round trip
  std::chrono::microseconds rtt_variance{0};
  std::chrono::milliseconds silence{0};  ///< since the peer's kernel last acknowledged anything
  uint32_t retransmits = 0;              ///< segments that were sent again, since the connection began
  uint32_t timeouts_in_a_row = 0;        ///< retransmission timeouts without an answer: the way may be dead
  size_t unacked_bytes = 0;              ///< taken by the kernel, not acknowledged by the peer's
  size_t outbox_bytes = 0;               ///< not even taken by the kernel yet
};

}  // namespace rookery::server
