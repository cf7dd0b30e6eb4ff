#include "storage/sqlite/stores.h"

#include "storage/embedded.h"
#include "storage/sqlite/migrations.h"

namespace rookery::storage {

namespace {

class SqliteStores final : public Stores {
 public:
  explicit SqliteStores(sqlite::Database database) : database_(std::move(database)) {}

  AccountStore& accounts() override { return accounts_; }
  ClientStore& clients() override { return clients_; }
  RosterStore& rosters() override { return rosters_; }
  ValueStore& values() override { return values_; }
  PubsubStore& pubsub() override { return pubsub_; }
  RoomStore& rooms() override { return rooms_; }
  ReportStore& reports() override { return reports_; }
  UploadStore& uploads() override { return uploads_; }
  PushStore& push() override { return push_; }
  InviteStore& invites() override { return invites_; }
  Status transaction(const std::function<Status()>& work) override { return database_.transaction(work); }
  Status step(const std::function<Status()>& work, const Fence&) override { return database_.savepoint(work); }

 private:
  sqlite::Database database_;
  sqlite::Accounts accounts_{database_};
  sqlite::Clients clients_{database_};
  sqlite::Rosters rosters_{database_};
  sqlite::Values values_{database_};
  sqlite::Pubsub pubsub_{database_};
  sqlite::Rooms rooms_{database_};
  sqlite::Reports reports_{database_};
  sqlite::Uploads uploads_{database_};
  sqlite::Push push_{database_};
  sqlite::Invites invites_{database_};
};

}  // namespace

Result<std::unique_ptr<Stores>> open_sqlite(const std::filesystem::path& file) {
  auto database = sqlite::Database::open(file);
  if (!database) return std::unexpected(database.error());
  if (auto status = database->migrate(sqlite::server_migrations()); !status) {
    return fail(status.error().failure, file.string() + ": " + status.error().message);
  }
  return std::make_unique<SqliteStores>(std::move(*database));
}

}  // namespace rookery::storage
