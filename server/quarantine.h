// REQUIREMENTS 28: what an account that nobody vouches for may not do in its first time. The policy alone, without
// effects.
#pragma once

#include <chrono>
#include <string_view>

#include "storage/message_log.h"

namespace rookery::server {

/// Under this kind in an account's values: when its quarantine ends, in seconds since 1970.
inline constexpr std::string_view quarantine_kind = "quarantine";

class Quarantine {
 public:
  Quarantine() = default;
  explicit Quarantine(storage::TimePoint until) : until_(until) {}

  bool holds(storage::TimePoint now) const { return now < until_; }
  /// Counts a message or a request to somebody who is no contact; false: it is one too many in this hour.
  bool may_address_stranger(storage::TimePoint now, unsigned most_in_an_hour) {
    if (!holds(now)) return true;
    if (now - hour_began_ >= std::chrono::hours(1)) {
      hour_began_ = now;
      addressed_ = 0;
    }
    if (addressed_ >= most_in_an_hour) return false;
    ++addressed_;
    return true;
  }

 private:
  storage::TimePoint until_{}, hour_began_{};
  unsigned addressed_ = 0;
};

}  // namespace rookery::server
