// The server's schema, step by step.
#pragma once

#include <span>

#include "storage/sqlite/database.h"

namespace rookery::storage::sqlite {

std::span<const Migration> server_migrations();

}  // namespace rookery::storage::sqlite
