#include "server/store_worker.h"

#include <gmock/gmock.h>

#include <future>

#include "storage/embedded.h"
#include "tests/unit/storage/temporary_folder.h"

namespace rookery::server {
namespace {

using storage::Stores;

/// Tells when it was written to.
class WatchedValues final : public storage::ValueStore {
 public:
  explicit WatchedValues(storage::ValueStore& values) : values_(values) {}
  Result<std::optional<std::string>> get(const xmpp::Jid& owner, std::string_view kind, std::string_view key) override {
    return values_.get(owner, kind, key);
  }
  Result<std::vector<std::pair<std::string, std::string>>> all(const xmpp::Jid& owner, std::string_view kind) override {
    return values_.all(owner, kind);
  }
  Result<size_t> count(const xmpp::Jid& owner, std::string_view kind) override { return values_.count(owner, kind); }
  Status put(const xmpp::Jid& owner, std::string_view kind, std::string_view key, std::string_view value) override {
    written = true;
    return values_.put(owner, kind, key, value);
  }
  Status remove(const xmpp::Jid& owner, std::string_view kind, std::string_view key) override {
    written = true;
    return values_.remove(owner, kind, key);
  }
  bool written = false;

 private:
  storage::ValueStore& values_;
};

/// Real stores on a disk that takes nothing while `refuses`; a transaction that wrote nothing needs no disk.
class RefusingStores final : public Stores {
 public:
  RefusingStores(std::unique_ptr<Stores> stores, std::atomic<bool>& refuses)
      : stores_(std::move(stores)), values_(stores_->values()), refuses_(refuses) {}
  storage::AccountStore& accounts() override { return stores_->accounts(); }
  storage::ClientStore& clients() override { return stores_->clients(); }
  storage::UploadStore& uploads() override { return stores_->uploads(); }
  storage::ReportStore& reports() override { return stores_->reports(); }
  storage::PushStore& push() override { return stores_->push(); }
  storage::InviteStore& invites() override { return stores_->invites(); }
  storage::RosterStore& rosters() override { return stores_->rosters(); }
  storage::ValueStore& values() override { return values_; }
  storage::PubsubStore& pubsub() override { return stores_->pubsub(); }
  storage::RoomStore& rooms() override { return stores_->rooms(); }
  Status transaction(const std::function<Status()>& work) override {
    values_.written = false;
    return stores_->transaction([&]() -> Status {
      if (const Status done = work(); !done) return done;
      if (refuses_ && values_.written) return fail(Failure::io, "the test's disk does not sync");
      return {};
    });
  }
  Status step(const std::function<Status()>& work, const storage::Fence& fence = {}) override {
    return stores_->step(work, fence);
  }

 private:
  std::unique_ptr<Stores> stores_;
  WatchedValues values_;
  std::atomic<bool>& refuses_;
};

class StoreWorkerTest : public testing::Test {
 protected:
  Status put(const std::string& value) {
    std::promise<Status> promise;
    worker.run([&, value](Stores& stores) { return stores.values().put(juliet, "note", "", value); },
               [&](Status done) { promise.set_value(std::move(done)); });
    return promise.get_future().get();
  }
  std::string get() {
    std::promise<Result<std::optional<std::string>>> promise;
    worker.read([&](Stores& stores) { return stores.values().get(juliet, "note", ""); },
                [&](Result<std::optional<std::string>> got) { promise.set_value(std::move(got)); });
    auto got = promise.get_future().get();
    return got ? got->value_or("nothing") : got.error().message;
  }
  void wait_until_healthy(bool healthy) {
    while (worker.healthy() != healthy) std::this_thread::yield();
  }

  const xmpp::Jid juliet = xmpp::Jid::parse("juliet@localhost").value();
  const storage::TemporaryFolder folder;
  std::atomic<bool> refuses = false;
  StoreWorker worker{std::make_unique<RefusingStores>(storage::open_sqlite(folder.path() / "s").value(), refuses)};
};

// REQ 21
TEST_F(StoreWorkerTest, AWriteThatTheDiskRefusesFailsAndTheWorkerRecoversWithoutBeingAsked) {
  ASSERT_TRUE(put("before"));
  EXPECT_TRUE(worker.healthy());
  refuses = true;
  const Status refused = put("lost");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().failure, Failure::io);
  EXPECT_FALSE(worker.healthy()) << "known before whoever asked is told";
  refuses = false;
  wait_until_healthy(true);
  EXPECT_EQ(get(), "before");
  EXPECT_TRUE(put("after"));
  EXPECT_EQ(get(), "after");
}

// REQ 21
TEST_F(StoreWorkerTest, ReadsGoOnBesideWritesThatAreRefused) {
  ASSERT_TRUE(put("before"));
  // The first job keeps the worker busy, so that the others share a transaction.
  std::promise<void> go;
  worker.read(
      [future = std::make_shared<std::future<void>>(go.get_future())](Stores&) -> Status {
        future->wait();
        return {};
      },
      [](const Status&) {});
  refuses = true;
  std::promise<Status> written;
  std::promise<std::string> read;
  worker.run([&](Stores& stores) { return stores.values().put(juliet, "note", "", "lost"); },
             [&](Status done) { written.set_value(std::move(done)); });
  worker.read([&](Stores& stores) { return stores.values().get(juliet, "note", ""); },
              [&](Result<std::optional<std::string>> got) {
                read.set_value(got ? got->value_or("nothing") : got.error().message);
              });
  go.set_value();
  EXPECT_FALSE(written.get_future().get());
  EXPECT_EQ(read.get_future().get(), "before") << "not what was rolled back";
  refuses = false;
}

TEST_F(StoreWorkerTest, AJobThatIsRefusedForItsOwnSakeMakesNobodyElseFail) {
  std::promise<void> go;
  worker.read(
      [future = std::make_shared<std::future<void>>(go.get_future())](Stores&) -> Status {
        future->wait();
        return {};
      },
      [](const Status&) {});
  std::promise<Status> refused, written;
  worker.run([&](Stores& stores) { return stores.accounts().set_disabled(juliet, true); },
             [&](Status done) { refused.set_value(std::move(done)); });
  worker.run([&](Stores& stores) { return stores.values().put(juliet, "note", "", "kept"); },
             [&](Status done) { written.set_value(std::move(done)); });
  go.set_value();
  EXPECT_EQ(refused.get_future().get().error().failure, Failure::not_found);
  EXPECT_TRUE(written.get_future().get());
  EXPECT_TRUE(worker.healthy());
  EXPECT_EQ(get(), "kept");
}

}  // namespace
}  // namespace rookery::server
