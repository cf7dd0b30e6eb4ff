#include "storage/leases.h"

#include <cstring>

#include "crypto/random.h"
#include "storage/postgres.h"
#include "storage/postgres/database.h"

namespace rookery::storage {

namespace {

using postgres::Array;
using postgres::Database;
using postgres::Rows;

/// A lost or taken name: whoever gets this must stop serving.
std::unexpected<Error> replaced(const std::string& node) {
  return fail(Failure::fenced, "node " + node + " is not registered any more, or another process has taken its name");
}

Array integers(const std::vector<uint32_t>& numbers) {
  Array array = Array::of_integers();
  for (const uint32_t number : numbers) array.add(static_cast<int64_t>(number));
  return array;
}

int64_t random_number() {
  int64_t number = 0;
  const std::string bytes = crypto::random_bytes(sizeof(number));
  std::memcpy(&number, bytes.data(), sizeof(number));
  return number;
}

class PostgresLeases final : public Leases {
 public:
  PostgresLeases(const PostgresOptions& options, NodeIdentity identity, uint32_t shards,
                 std::chrono::milliseconds lifetime)
      : database_(options, " leases"), me_(std::move(identity)), shards_(shards), lifetime_(lifetime) {}

  Status connect() { return database_.connect(); }
  Status join() override;
  Result<std::vector<Lease>> renew() override;
  Result<std::vector<Lease>> acquire(const std::vector<uint32_t>& shards) override;
  Status release(const std::vector<uint32_t>& shards) override;
  Status set_draining(bool draining) override;
  Status leave() override;
  Result<ClusterView> view() override;

 private:
  Status lock_owners(const Array& shards, Array& expired);
  Result<std::vector<Lease>> take(const Array& shards, const Array& expired);
  Status read_nodes(ClusterView& view);
  Status read_leases(ClusterView& view);

  Database database_;
  const NodeIdentity me_;
  const uint32_t shards_;
  const std::chrono::milliseconds lifetime_;
  const int64_t incarnation_ = random_number();
};

Status PostgresLeases::join() {
  return database_.transaction([&]() -> Status {
    auto status = database_.run(
        "INSERT INTO cluster_nodes (id, incarnation, address, version, draining, renewed, expires)"
        " VALUES ($1, $2, $3, $4, false, clock_timestamp(), clock_timestamp() + $5::bigint * interval '1 millisecond')"
        " ON CONFLICT (id) DO UPDATE SET incarnation = excluded.incarnation, address = excluded.address,"
        " version = excluded.version, draining = false, renewed = excluded.renewed, expires = excluded.expires",
        me_.id, incarnation_, me_.address, me_.version, lifetime_.count());
    if (status) status = database_.run("UPDATE shard_leases SET node = NULL WHERE node = $1", me_.id);
    if (status) {
      status = database_.run(
          "INSERT INTO shard_leases (shard, epoch) SELECT number, 0 FROM generate_series(0, $1::bigint - 1) AS number"
          " ON CONFLICT (shard) DO NOTHING",
          static_cast<int64_t>(shards_));
    }
    if (status)
      status = database_.run("DELETE FROM cluster_nodes WHERE expires < clock_timestamp() - interval '1 day'");
    return status;
  });
}

Result<std::vector<Lease>> PostgresLeases::renew() {
  std::vector<Lease> held;
  const Status done = database_.transaction([&]() -> Status {
    // Waits for a node that is taking our leases right now: after that, what is left is ours for another lifetime.
    auto status = database_.run(
        "UPDATE cluster_nodes SET renewed = clock_timestamp(), expires = clock_timestamp() + $3::bigint * interval '1 "
        "millisecond'"
        " WHERE id = $1 AND incarnation = $2",
        me_.id, incarnation_, lifetime_.count());
    if (!status) return status;
    if (database_.changes() == 0) return replaced(me_.id);
    auto rows = database_.query("SELECT shard, epoch FROM shard_leases WHERE node = $1 ORDER BY shard", me_.id);
    while (rows.next()) {
      held.push_back({.shard = static_cast<uint32_t>(rows.integer(0)),
                      .epoch = static_cast<uint64_t>(rows.integer(1)),
                      .node = me_.id});
    }
    return rows.status();
  });
  if (!done) return std::unexpected(done.error());
  return held;
}

Result<std::vector<Lease>> PostgresLeases::acquire(const std::vector<uint32_t>& shards) {
  if (shards.empty()) return std::vector<Lease>();
  const Array wanted = integers(shards);
  std::vector<Lease> taken;
  const Status done = database_.transaction([&]() -> Status {
    Array expired = Array::of_text();
    if (auto status = lock_owners(wanted, expired); !status) return status;
    auto found = take(wanted, expired);
    if (!found) return std::unexpected(found.error());
    taken = std::move(*found);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return taken;
}

/// Locks our own row and those of the dead owners, so that neither they nor we can renew in the meantime. Ordered by
/// id, so that nodes which take shards at the same time do not wait for each other in a circle.
Status PostgresLeases::lock_owners(const Array& shards, Array& expired) {
  auto rows = database_.query(
      "SELECT id, incarnation FROM cluster_nodes WHERE id = $1 OR (expires < clock_timestamp()"
      " AND id IN (SELECT node FROM shard_leases WHERE shard = ANY ($2::bigint[]))) ORDER BY id FOR UPDATE",
      me_.id, shards);
  bool registered = false;
  while (rows.next()) {
    if (rows.view(0) != me_.id) {
      expired.add(rows.view(0));
    } else {
      registered = rows.integer(1) == incarnation_;
    }
  }
  if (auto status = rows.status(); !status) return status;
  if (!registered) return replaced(me_.id);
  if (expired.empty()) return {};
  // A paused process may have been stopped in the middle of a transaction, whose locks we would wait for.
  return database_.run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = "
      "current_user"
      " AND pid <> pg_backend_pid() AND split_part(application_name, ' ', 1) IN"
      " (SELECT left('rookery/' || id, 63) FROM unnest($1::text[]) AS e(id))",
      expired);
}

Result<std::vector<Lease>> PostgresLeases::take(const Array& shards, const Array& expired) {
  // A row that another node is taking right now is skipped: it is not free any more. An owner that is not registered
  // does not exist.
  auto rows = database_.query(
      "WITH free AS (SELECT shard FROM shard_leases l WHERE shard = ANY ($2::bigint[]) AND (node IS NULL"
      " OR node = ANY ($3::text[]) OR NOT EXISTS (SELECT FROM cluster_nodes n WHERE n.id = l.node))"
      " ORDER BY shard FOR UPDATE SKIP LOCKED)"
      " UPDATE shard_leases l SET node = $1, epoch = greatest(l.epoch, (SELECT e.epoch FROM shard_epochs e WHERE "
      "e.shard = l.shard)) + 1"
      " FROM free WHERE l.shard = free.shard RETURNING l.shard, l.epoch",
      me_.id, shards, expired);
  std::vector<Lease> taken;
  Array taken_shards = Array::of_integers(), epochs = Array::of_integers();
  while (rows.next()) {
    taken.push_back({.shard = static_cast<uint32_t>(rows.integer(0)),
                     .epoch = static_cast<uint64_t>(rows.integer(1)),
                     .node = me_.id});
    taken_shards.add(rows.integer(0));
    epochs.add(rows.integer(1));
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  if (taken.empty()) return taken;
  // Waits for commits of the former owner that are under way; none comes after.
  auto status = database_.run(
      "INSERT INTO shard_epochs (shard, epoch) SELECT shard, epoch FROM unnest($1::bigint[], $2::bigint[]) AS t(shard, "
      "epoch)"
      " ORDER BY shard ON CONFLICT (shard) DO UPDATE SET epoch = excluded.epoch",
      taken_shards, epochs);
  if (!status) return std::unexpected(status.error());
  return taken;
}

Status PostgresLeases::release(const std::vector<uint32_t>& shards) {
  if (shards.empty()) return {};
  return database_.run(
      "UPDATE shard_leases SET node = NULL WHERE shard = ANY ($1::bigint[]) AND node = $2"
      " AND EXISTS (SELECT FROM cluster_nodes WHERE id = $2 AND incarnation = $3)",
      integers(shards), me_.id, incarnation_);
}

Status PostgresLeases::set_draining(bool draining) {
  auto status = database_.run("UPDATE cluster_nodes SET draining = $1 WHERE id = $2 AND incarnation = $3", draining,
                              me_.id, incarnation_);
  if (!status) return status;
  if (database_.changes() == 0) return replaced(me_.id);
  return {};
}

Status PostgresLeases::leave() {
  return database_.transaction([&]() -> Status {
    auto status = database_.run("DELETE FROM cluster_nodes WHERE id = $1 AND incarnation = $2", me_.id, incarnation_);
    if (!status || database_.changes() == 0) return status;  // somebody else's now
    return database_.run("UPDATE shard_leases SET node = NULL WHERE node = $1", me_.id);
  });
}

Result<ClusterView> PostgresLeases::view() {
  ClusterView view;
  const Status done = database_.snapshot([&]() -> Status {
    if (auto status = read_nodes(view); !status) return status;
    return read_leases(view);
  });
  if (!done) return std::unexpected(done.error());
  return view;
}

Status PostgresLeases::read_nodes(ClusterView& view) {
  view.nodes.clear();
  auto rows = database_.query(
      "SELECT id, address, version, expires >= now(), draining, (extract(epoch FROM now() - renewed) * 1000)::bigint"
      " FROM cluster_nodes ORDER BY id");
  while (rows.next()) {
    view.nodes.push_back({.identity = {.id = rows.text(0), .address = rows.text(1), .version = rows.text(2)},
                          .alive = rows.boolean(3),
                          .draining = rows.boolean(4),
                          .seen_ago = std::chrono::milliseconds(rows.integer(5))});
  }
  return rows.status();
}

Status PostgresLeases::read_leases(ClusterView& view) {
  auto rows = database_.query(
      "SELECT l.shard, l.epoch, coalesce(l.node, ''), l.node IS NOT NULL AND coalesce(n.expires < now(), true)"
      " FROM shard_leases l LEFT JOIN cluster_nodes n ON n.id = l.node ORDER BY l.shard");
  while (rows.next()) {
    view.leases.push_back({.shard = static_cast<uint32_t>(rows.integer(0)),
                           .epoch = static_cast<uint64_t>(rows.integer(1)),
                           .node = rows.text(2),
                           .expired = rows.boolean(3)});
  }
  return rows.status();
}

}  // namespace

Result<std::unique_ptr<Leases>> open_postgres_leases(const PostgresOptions& options, const NodeIdentity& identity,
                                                     uint32_t shards, std::chrono::milliseconds lifetime) {
  ensure(!identity.id.empty() && identity.id.find(' ') == std::string::npos);
  PostgresOptions in_time = options;
  in_time.node = identity.id;
  // Half a lifetime without an answer: there is time left to stop serving in order.
  in_time.patience = std::min(in_time.patience, lifetime / 2);
  in_time.answer_limit = std::min(in_time.answer_limit, lifetime / 2);
  auto leases = std::make_unique<PostgresLeases>(in_time, identity, shards, lifetime);
  if (auto status = leases->connect(); !status) return std::unexpected(status.error());
  return std::unique_ptr<Leases>(std::move(leases));
}

}  // namespace rookery::storage
