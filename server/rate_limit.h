// How often something may happen, by key: so many at once, and again as time goes by. Shared by all loops.
#pragma once

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

#include "server/loop.h"

namespace rookery::server {

class RateLimit {
 public:
  /// `most` in any `period`, at once or spread; at most `keys` are remembered: while that many are, new ones are
  /// refused.
  RateLimit(unsigned most, Clock::duration period, size_t keys = 16 * 1024)
      : step_(period / most), period_(period), keys_(keys) {}

  /// false: too often. Only what was allowed counts.
  bool take(const std::string& key, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (next_.size() >= keys_) std::erase_if(next_, [now](const auto& entry) { return entry.second <= now; });
    if (next_.size() >= keys_ && !next_.contains(key)) return false;
    // ITU-T I.371, GCRA: the time at which the bucket will be empty again says all there is to know.
    auto& empty_at = next_.try_emplace(key, now).first->second;
    const auto begin = std::max(empty_at, now);
    if (begin + step_ > now + period_) return false;
    empty_at = begin + step_;
    return true;
  }

 private:
  const Clock::duration step_, period_;
  const size_t keys_;
  std::mutex mutex_;
  std::unordered_map<std::string, Clock::time_point> next_;
};

}  // namespace rookery::server
