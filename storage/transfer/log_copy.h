// The message log's rows: from RocksDB into PostgreSQL, and their checksums on both sides.
#pragma once

#include <array>
#include <string_view>

#include "storage/rocksdb/database.h"
#include "storage/transfer/checksum.h"

namespace rookery::storage::transfer {

enum class Rows { archived, transient, cursors, counters, seen };

struct LogRows {
  Rows kind;
  std::string_view name;
  std::string_view types;      ///< as in tables.h
  std::string_view read_back;  ///< from PostgreSQL, in RocksDB's order
};
inline constexpr std::array<LogRows, 5> log_rows = {
    LogRows{Rows::archived, "archived messages", "tiitb",
            "SELECT owner, id, flags, peer, xml FROM log_entries ORDER BY owner, id"},
    LogRows{Rows::transient, "waiting messages", "tiitb",
            "SELECT owner, id, flags, peer, xml FROM log_transient ORDER BY owner, id"},
    LogRows{Rows::cursors, "inbox cursors", "tti", "SELECT owner, device, id FROM log_cursors ORDER BY owner, device"},
    LogRows{Rows::counters, "session counters", "tti",
            "SELECT owner, session, handled FROM log_counters ORDER BY owner, session"},
    LogRows{Rows::seen, "keys of resent messages", "tb",
            "SELECT owner, key FROM log_seen GROUP BY owner, key ORDER BY owner, key"},
};

/// Writes all rows of the kind into the log and waits until they are durable; returns their checksum.
Result<Checksum> copy(Rows kind, rocks::Database& from, MessageLog& to);

}  // namespace rookery::storage::transfer
