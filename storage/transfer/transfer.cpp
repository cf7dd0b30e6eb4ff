#include "storage/transfer.h"

#include "storage/sqlite/migrations.h"
#include "storage/transfer/log_copy.h"
#include "storage/transfer/tables.h"

namespace rookery::storage {

namespace transfer {

namespace {

Result<Transferred> compared(std::string_view what, Checksum read, Checksum read_back) {
  Transferred result{.what = std::string(what), .rows = read.rows(), .checksum = read.text()};
  if (read_back.rows() == result.rows && read_back.text() == result.checksum) return result;
  return fail(Failure::io, result.what + ": " + std::to_string(result.rows) + " rows were read and " +
                               std::to_string(read_back.rows()) +
                               " were found in PostgreSQL, or their contents differ");
}

Status check_empty(postgres::Database& to) {
  auto rows = to.query(
      "SELECT FROM accounts UNION ALL SELECT FROM log_entries UNION ALL SELECT FROM account_values UNION ALL SELECT "
      "FROM rooms LIMIT 1");
  const bool occupied = rows.next();
  if (auto status = rows.status(); !status) return status;
  if (occupied) return fail(Failure::conflict, "the database holds data already; this command needs an empty one");
  return {};
}

Status copy_tables(sqlite::Database& from, postgres::Database& to, std::vector<Transferred>& report) {
  const Status copied = to.transaction([&]() -> Status {
    for (const Table& table : tables()) {
      if (auto status = copy(table, from, to); !status) return status;
    }
    return {};
  });
  if (!copied) return copied;
  for (const Table& table : tables()) {
    auto there = read(table, from);
    if (!there) return std::unexpected(there.error());
    Result<Checksum> here = Checksum();
    const Status done = to.snapshot([&]() -> Status {
      here = read_back(table.types, table.read_back, to);
      return here ? Status() : std::unexpected(here.error());
    });
    if (!done) return done;
    auto same = compared(table.name, std::move(*there), std::move(*here));
    if (!same) return std::unexpected(same.error());
    report.push_back(std::move(*same));
  }
  return {};
}

Status copy_log(rocks::Database& from, MessageLog& log, postgres::Database& to, std::vector<Transferred>& report) {
  for (const LogRows& rows : log_rows) {
    auto there = copy(rows.kind, from, log);
    if (!there) return std::unexpected(there.error());
    Result<Checksum> here = Checksum();
    const Status done = to.snapshot([&]() -> Status {
      here = read_back(rows.types, rows.read_back, to);
      return here ? Status() : std::unexpected(here.error());
    });
    if (!done) return done;
    auto same = compared(rows.name, std::move(*there), std::move(*here));
    if (!same) return std::unexpected(same.error());
    report.push_back(std::move(*same));
  }
  return {};
}

}  // namespace

}  // namespace transfer

Result<std::vector<Transferred>> transfer_to_postgres(const std::filesystem::path& data_dir,
                                                      const PostgresOptions& options) {
  const auto file = data_dir / "rookery.sqlite", folder = data_dir / "log";
  if (!std::filesystem::exists(file) || !std::filesystem::exists(folder)) {
    return fail(Failure::not_found, data_dir.string() + " holds no data of an embedded node");
  }
  // First what a running node would not let us open.
  auto rocks = rocks::Database::open(folder, {}, nullptr);
  if (!rocks) return fail(Failure::unavailable, rocks.error().message + " (the node must be stopped)");
  auto sqlite = sqlite::Database::open(file);
  if (!sqlite) return std::unexpected(sqlite.error());
  if (auto status = sqlite->migrate(sqlite::server_migrations()); !status) return std::unexpected(status.error());
  if (auto status = transfer::check_complete(*sqlite); !status) return std::unexpected(status.error());

  if (auto status = migrate_postgres(options); !status) return std::unexpected(status.error());
  postgres::Database to(options, " transfer");
  if (auto status = transfer::check_empty(to); !status) return std::unexpected(status.error());
  auto log = open_postgres_log(options);
  if (!log) return std::unexpected(log.error());
  std::vector<Transferred> report;
  if (auto status = transfer::copy_tables(*sqlite, to, report); !status) return std::unexpected(status.error());
  if (auto status = transfer::copy_log(**rocks, **log, to, report); !status) return std::unexpected(status.error());
  return report;
}

}  // namespace rookery::storage
