// The storage that the configuration names: embedded, or PostgreSQL.
#pragma once

#include <memory>
#include <vector>

#include "server/config.h"
#include "storage/blobs.h"
#include "storage/message_log.h"
#include "storage/postgres.h"
#include "storage/stores.h"

namespace rookery::server {

struct Backends {
  /// One for each store worker. SQLite has one writer, so there is one; PostgreSQL has one for each loop, up to a
  /// limit.
  std::vector<std::unique_ptr<storage::Stores>> stores;
  std::unique_ptr<storage::MessageLog> log;
};

/// Creates what is missing and brings schemas up to date. The data folder exists. Without `with_log` there is none.
Result<Backends> open_backends(const Config& config, size_t loops, bool with_log);

/// Where uploads are kept.
Result<std::unique_ptr<storage::BlobStore>> open_blobs(const Config& config);

/// How this node reaches PostgreSQL, also for its leases.
storage::PostgresOptions postgres_options(const Config& config);

}  // namespace rookery::server
