// The schema, step by step. Numbers are 1, 2, 3, …; what is released is never changed.
#pragma once

#include <span>
#include <string_view>

#include "storage/postgres/connection.h"

namespace rookery::storage::postgres {

struct Migration {
  int number = 0;
  std::string_view sql;
};
std::span<const Migration> migrations();

/// All or nothing, one node at a time.
Status migrate(Connection& connection, std::span<const Migration> migrations);

/// One of the migrations, in a file of its own: the message log's tables and what guards them.
extern const std::string_view log_migration;

}  // namespace rookery::storage::postgres
