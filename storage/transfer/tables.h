// The relational tables: what to read from SQLite, how to write it to PostgreSQL, and how to read it back.
#pragma once

#include <span>
#include <string_view>

#include "storage/postgres/database.h"
#include "storage/sqlite/database.h"
#include "storage/transfer/checksum.h"

namespace rookery::storage::transfer {

struct Table {
  std::string_view name;
  std::string_view types;      ///< of the columns: t text, b bytes, i integer
  std::string_view read;       ///< from SQLite, ordered
  std::string_view write;      ///< into PostgreSQL, an array for each column
  std::string_view read_back;  ///< the same rows in the same order
};
/// In the order of their references.
std::span<const Table> tables();

/// Failure::invalid when SQLite has a table that is not among tables(): nothing may be left behind.
Status check_complete(sqlite::Database& from);
Status copy(const Table& table, sqlite::Database& from, postgres::Database& to);
Result<Checksum> read(const Table& table, sqlite::Database& from);
/// In a transaction.
Result<Checksum> read_back(std::string_view types, std::string_view sql, postgres::Database& from);

}  // namespace rookery::storage::transfer
