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
  ByteAllowance(uint64_t burst_bytes, Clock::time_point now) : left_(static_cast<int64_t>(burst_bytes)), at_(now) {}

  /// For how long nothing more shall be read; 0: go on. The limits may differ from call to call: the configuration is
  /// read again. `bytes_per_second` 0: no limit.
  std::chrono::milliseconds charge(size_t bytes, uint64_t bytes_per_second, uint64_t burst_bytes,
                                   Clock::time_point now) {
    if (bytes_per_second == 0) return {};
    left_ -= static_cast<int64_t>(bytes);
    if (left_ > 0) return {};  // only then is it worth looking how long ago the last time was
    const auto rate = static_cast<double>(bytes_per_second);
    const auto earned = static_cast<int64_t>(std::chrono::duration<double>(now - at_).count() * rate);
    at_ = now;
    left_ = std::min(left_ + earned, static_cast<int64_t>(burst_bytes));
    if (left_ > 0) return {};
    return std::chrono::milliseconds(10 + static_cast<int64_t>(1000.0 * static_cast<double>(-left_) / rate));
  }

 private:
  int64_t left_;
  Clock::time_point at_;  ///< when it was last made up for
};

}  // namespace rookery::server
