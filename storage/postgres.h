// The cluster's backends: one PostgreSQL (15 or newer) for all nodes.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "storage/leases.h"
#include "storage/message_log.h"
#include "storage/stores.h"

namespace rookery::storage {

struct PostgresOptions {
  /// libpq's: "host=a,b dbname=rookery user=rookery". Several hosts are a primary and its standbys: the one that takes
  /// writes is looked for, again and again while there is none.
  std::string connection;
  std::string node;  ///< this node's id in a cluster; empty on a single node
  /// How long a read or a relational write waits for the database to come back before it is Failure::unavailable. The
  /// message log's commits wait for as long as it takes.
  std::chrono::milliseconds patience{10'000};
  /// A server that does not answer a statement for so long is taken for dead.
  std::chrono::milliseconds answer_limit{30'000};
  size_t log_readers = 4;  ///< connections on which the message log is read
};

/// Brings the schema up to date; nodes that start together wait for one another. Failure::invalid when a newer program
/// has migrated it already. The functions below expect it to have been called.
Status migrate_postgres(const PostgresOptions& options);

Result<std::unique_ptr<Stores>> open_postgres_stores(const PostgresOptions& options);
Result<std::unique_ptr<MessageLog>> open_postgres_log(const PostgresOptions& options);
/// `shards` is the same on all nodes and for ever. A node whose renewals fail for `lifetime` has lost its leases.
Result<std::unique_ptr<Leases>> open_postgres_leases(const PostgresOptions& options, const NodeIdentity& identity,
                                                     uint32_t shards, std::chrono::milliseconds lifetime);

}  // namespace rookery::storage
