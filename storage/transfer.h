// Moving an embedded node's data into PostgreSQL, once, while the node is stopped.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "crypto/result.h"
#include "storage/postgres.h"

namespace rookery::storage {

/// One kind of row, as it was found in both places after copying.
struct Transferred {
  std::string what;
  size_t rows = 0;
  std::string checksum;  ///< SHA-256 over all values of all rows in order, hexadecimal
};

/// Copies what rookery.sqlite and log/ in the folder hold into a database that has no accounts and no messages yet,
/// then reads both again and compares counts and checksums. Any difference is Failure::io, an occupied database
/// Failure::conflict, a running node Failure::unavailable. The folder stays as it is; after a failure, start again with
/// an empty database.
Result<std::vector<Transferred>> transfer_to_postgres(const std::filesystem::path& data_dir,
                                                      const PostgresOptions& options);

}  // namespace rookery::storage
