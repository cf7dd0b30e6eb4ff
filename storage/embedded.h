// The embedded backends: nothing to install or start.
#pragma once

#include <filesystem>
#include <memory>

#include "storage/message_log.h"
#include "storage/stores.h"

namespace rookery::storage {

/// SQLite in WAL mode, synchronous=FULL; creates and migrates the file. The folder must exist.
Result<std::unique_ptr<Stores>> open_sqlite(const std::filesystem::path& file);
/// Copies a database while others use it: one moment of it. `copy` must not exist.
Status copy_sqlite(const std::filesystem::path& file, const std::filesystem::path& copy);

struct RocksdbOptions {
  bool sync = true;  ///< false only for measurements: loses the promise of REQUIREMENTS 18
  /// Small on purpose: half of what a row costs is its search in the memtable, which is cheap while it fits the CPU's
  /// cache.
  size_t memtable_bytes = 8 * 1024 * 1024;
  size_t cache_bytes = 32 * 1024 * 1024;
};
/// RocksDB in `folder`; one process at a time.
Result<std::unique_ptr<MessageLog>> open_rocksdb(const std::filesystem::path& folder, RocksdbOptions options = {});

}  // namespace rookery::storage
