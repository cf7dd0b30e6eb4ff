// How fast a peer may send (REQUIREMENTS 6): a rate, and a burst beyond it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "server/loop.h"

namespace rookery::server {

class ByteAllowance {
 public:
  /// `bytes_per_second` 0: no limit.
  ByteAllowance(size_t bytes_per_second, size_t burst_bytes, Clock::time_point now)
      : rate_(static_cast<double>(bytes_per_second)),
        burst_(static_cast<int64_t>(burst_bytes)),
        left_(burst_),
        at_(now) {}

  /// For how long nothing more shall be read; 0: go on.
  std::chrono::milliseconds charge(size_t bytes, Clock::time_point now) {
    if (rate_ == 0) return {};
    const auto elapsed = std::chrono::duration<double>(now - at_).count();
    at_ = now;
    left_ = std::min(left_ + static_cast<int64_t>(elapsed * rate_), burst_) - static_cast<int64_t>(bytes);
    if (left_ > 0) return {};
    return std::chrono::milliseconds(10 + static_cast<int64_t>(1000.0 * static_cast<double>(-left_) / rate_));
  }

 private:
  const double rate_;
  const int64_t burst_;
  int64_t left_;
  Clock::time_point at_;
};

}  // namespace rookery::server
