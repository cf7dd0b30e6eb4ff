// XEP-0082: dates and times in the DateTime profile.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace rookery::xmpp {

using TimePoint = std::chrono::sys_time<std::chrono::microseconds>;

/// CCYY-MM-DDThh:mm:ss[.sss]TZD with TZD "Z" or ±hh:mm. Digits beyond microseconds are dropped; leap seconds and dates
/// that do not exist are nullopt.
std::optional<TimePoint> parse_date_time(std::string_view text);
/// In UTC; with a fraction of six digits only when there is one.
std::string format_date_time(TimePoint time);

}  // namespace rookery::xmpp
