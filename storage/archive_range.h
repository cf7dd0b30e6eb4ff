// What an ArchiveQuery's bounds mean in ids: the same for every backend.
#pragma once

#include <algorithm>
#include <limits>

#include "storage/message_log.h"

namespace rookery::storage {

inline constexpr size_t longest_count = 100'000;  ///< ArchiveQuery::want_count
inline constexpr LogId last_log_id = std::numeric_limits<LogId>::max();

/// Ids of a range, both ends inside.
struct IdRange {
  LogId first = 1, last = last_log_id;
  bool empty() const { return first > last; }
};

inline LogId id_at(TimePoint time) {
  const auto since_1970 = time.time_since_epoch().count();
  return since_1970 < 0 ? 0 : static_cast<LogId>(since_1970);
}

/// What start and end allow.
inline IdRange time_range(const ArchiveQuery& query) {
  IdRange range;
  if (query.start) range.first = std::max<LogId>(range.first, id_at(*query.start));
  if (query.end) range.last = id_at(*query.end);
  return range;
}

/// `range` narrowed by after and before.
inline IdRange page_range(const ArchiveQuery& query, IdRange range) {
  if (query.after == last_log_id) return {1, 0};
  range.first = std::max(range.first, query.after + 1);
  if (query.before != 0) range.last = std::min(range.last, query.before - 1);
  return range;
}

}  // namespace rookery::storage
