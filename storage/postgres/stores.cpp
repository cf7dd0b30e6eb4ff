#include "storage/postgres/stores.h"

#include "storage/postgres.h"

namespace rookery::storage {

namespace {

class PostgresStores final : public Stores {
 public:
  explicit PostgresStores(const PostgresOptions& options) : database_(options, " stores") {}
  Status connect() { return database_.connect(); }

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
  Status step(const std::function<Status()>& work, const Fence& fence) override {
    return database_.savepoint(work, fence);
  }

 private:
  postgres::Database database_;
  postgres::Accounts accounts_{database_};
  postgres::Clients clients_{database_};
  postgres::Rosters rosters_{database_};
  postgres::Values values_{database_};
  postgres::Pubsub pubsub_{database_};
  postgres::Rooms rooms_{database_};
  postgres::Reports reports_{database_};
  postgres::Uploads uploads_{database_};
  postgres::Push push_{database_};
  postgres::Invites invites_{database_};
};

}  // namespace

Result<std::unique_ptr<Stores>> open_postgres_stores(const PostgresOptions& options) {
  auto stores = std::make_unique<PostgresStores>(options);
  if (auto status = stores->connect(); !status) return std::unexpected(status.error());
  return std::unique_ptr<Stores>(std::move(stores));
}

}  // namespace rookery::storage
