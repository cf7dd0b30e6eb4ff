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

/// Fills in OldEntries from the entries of a range, the oldest first.
class OldEntriesWalk {
 public:
  explicit OldEntriesWalk(size_t limit) : limit_(limit) {}
  /// False: enough; this entry belongs to the next part.
  bool take(LogId id, bool is_waited_for) {
    if (looked_at_ == limit_ || (is_waited_for && !found_.ids.empty())) {
      found_.go_on = last_;
      return false;
    }
    ++looked_at_;
    last_ = id;
    if (!is_waited_for) found_.ids.push_back(id);
    return true;
  }
  OldEntries done() { return std::move(found_); }

 private:
  size_t limit_, looked_at_ = 0;
  LogId last_ = 0;
  OldEntries found_;
};

/// `range` narrowed by after and before.
inline IdRange page_range(const ArchiveQuery& query, IdRange range) {
  if (query.after == last_log_id) return {1, 0};
  range.first = std::max(range.first, query.after + 1);
  if (query.before != 0) range.last = std::min(range.last, query.before - 1);
  return range;
}

}  // namespace rookery::storage
