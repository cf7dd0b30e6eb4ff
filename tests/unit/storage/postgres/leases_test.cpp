// Leases and fencing in PostgreSQL.
#include <gmock/gmock.h>

#include <numeric>
#include <thread>

#include "tests/unit/storage/message_log_contract.h"
#include "tests/unit/storage/postgres/server.h"
#include "tests/unit/storage/stores_contract.h"

namespace rookery::storage {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

namespace {

constexpr uint32_t shard_count = 16;
constexpr auto long_lifetime = 60s;

std::vector<uint32_t> shards_of(const std::vector<Lease>& leases) {
  std::vector<uint32_t> shards;
  for (const Lease& lease : leases) shards.push_back(lease.shard);
  std::ranges::sort(shards);
  return shards;
}

std::vector<uint32_t> all_shards() {
  std::vector<uint32_t> shards(shard_count);
  std::iota(shards.begin(), shards.end(), 0);
  return shards;
}

class PostgresLeases : public testing::Test {
 protected:
  std::unique_ptr<Leases> join(const std::string& id, std::chrono::milliseconds lifetime = long_lifetime) {
    auto opened =
        open_postgres_leases(database, {.id = id, .address = id + ".example", .version = "1"}, shard_count, lifetime);
    ensure(opened.has_value());
    ensure((*opened)->join().has_value());
    return std::move(*opened);
  }
  void expire(const std::string& id) {
    postgres::TestServer::shared().execute(
        folder.path().filename(),
        "UPDATE cluster_nodes SET expires = clock_timestamp() - interval '1 second' WHERE id = '" + id + "'");
  }

  TemporaryFolder folder;
  PostgresOptions database = postgres::database_of(folder.path());
};

TEST_F(PostgresLeases, AreGivenToOneNodeWithAGrowingEpoch) {
  auto a = join("a"), b = join("b");
  const auto taken = a->acquire({3, 1}).value();
  EXPECT_EQ(shards_of(taken), (std::vector<uint32_t>{1, 3}));
  for (const Lease& lease : taken) EXPECT_EQ(lease.epoch, 1u);
  EXPECT_EQ(shards_of(b->acquire({1, 2, 3}).value()), (std::vector<uint32_t>{2}));
  EXPECT_THAT(a->acquire({1}).value(), IsEmpty()) << "what a node holds it does not take again";
  ASSERT_TRUE(a->release({1}));
  const auto again = b->acquire({1}).value();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].epoch, 2u);
  EXPECT_EQ(shards_of(a->renew().value()), (std::vector<uint32_t>{3}));
  ASSERT_TRUE(a->release({1})) << "what another holds is not released";
  EXPECT_EQ(shards_of(b->renew().value()), (std::vector<uint32_t>{1, 2}));
}

TEST_F(PostgresLeases, ShowNodesAndLeasesOfOneMoment) {
  auto a = join("a"), b = join("b");
  ASSERT_TRUE(a->acquire({0, 1}));
  ASSERT_TRUE(b->set_draining(true));
  const ClusterView view = a->view().value();
  ASSERT_EQ(view.nodes.size(), 2u);
  EXPECT_EQ(view.nodes[0].identity.address, "a.example");
  EXPECT_TRUE(view.nodes[0].alive && !view.nodes[0].draining);
  EXPECT_TRUE(view.nodes[1].alive && view.nodes[1].draining);
  EXPECT_LT(view.nodes[0].seen_ago, 30s);
  ASSERT_EQ(view.leases.size(), shard_count);
  EXPECT_EQ(view.leases[1], (Lease{.shard = 1, .epoch = 1, .node = "a"}));
  EXPECT_EQ(view.leases[2], (Lease{.shard = 2}));
}

TEST_F(PostgresLeases, AreTakenFromANodeThatDoesNotRenewAndFromNoOther) {
  auto a = join("a"), b = join("b"), c = join("c");
  ASSERT_TRUE(a->acquire({0, 1}));
  ASSERT_TRUE(b->acquire({2}));
  expire("a");
  EXPECT_TRUE(c->view().value().leases[0].expired);
  const auto taken = c->acquire({0, 2}).value();
  EXPECT_EQ(shards_of(taken), (std::vector<uint32_t>{0}));
  EXPECT_EQ(taken.at(0).epoch, 2u);
  // It comes back: what nobody took is still its own.
  EXPECT_EQ(shards_of(a->renew().value()), (std::vector<uint32_t>{1}));
  EXPECT_THAT(c->acquire({1}).value(), IsEmpty());
}

TEST_F(PostgresLeases, OfAnEarlierProcessAreFreeWhenItsNameJoinsAgain) {
  auto before = join("a");
  ASSERT_TRUE(before->acquire({5}));
  auto after = join("a");
  EXPECT_EQ(before->renew().error().failure, Failure::fenced);
  EXPECT_EQ(before->acquire({6}).error().failure, Failure::fenced);
  EXPECT_THAT(after->renew().value(), IsEmpty());
  EXPECT_EQ(after->acquire({5}).value().at(0).epoch, 2u);
  ASSERT_TRUE(before->release({5}));
  ASSERT_TRUE(before->leave());
  EXPECT_EQ(shards_of(after->renew().value()), (std::vector<uint32_t>{5}))
      << "the earlier process cannot give them away";
}

TEST_F(PostgresLeases, AreFreeWhenTheirNodeLeaves) {
  auto a = join("a"), b = join("b");
  ASSERT_TRUE(a->acquire(all_shards()));
  ASSERT_TRUE(a->leave());
  EXPECT_EQ(a->renew().error().failure, Failure::fenced);
  EXPECT_EQ(b->acquire(all_shards()).value().size(), shard_count);
  EXPECT_EQ(b->view().value().nodes.size(), 1u);
}

TEST_F(PostgresLeases, GoToExactlyOneOfManyThatAskAtTheSameTime) {
  auto dead = join("dead");
  ASSERT_TRUE(dead->acquire(all_shards()));
  expire("dead");
  std::vector<std::unique_ptr<Leases>> nodes;
  for (const auto* id : {"a", "b", "c", "d"}) nodes.push_back(join(id));
  std::vector<std::vector<Lease>> taken(nodes.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < nodes.size(); ++i) {
    threads.emplace_back([&, i] {
      for (const uint32_t shard : all_shards()) {
        const auto got = nodes[i]->acquire({shard, (shard + 7) % shard_count}).value();
        taken[i].insert(taken[i].end(), got.begin(), got.end());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::vector<uint32_t> together;
  for (const auto& leases : taken) {
    for (const Lease& lease : leases) {
      together.push_back(lease.shard);
      EXPECT_EQ(lease.epoch, 2u);
    }
  }
  std::ranges::sort(together);
  EXPECT_EQ(together, all_shards());
}

TEST_F(PostgresLeases, FenceTheLogAtOnce) {
  auto a = join("a"), b = join("b");
  const uint64_t epoch = a->acquire({1}).value().at(0).epoch;
  auto log = open_postgres_log(database).value();
  const std::string juliet = "juliet@example.com";
  ASSERT_TRUE(commit(*log, {.fences = {{1, epoch}}, .entries = {entry(juliet, 1)}}));
  expire("a");
  ASSERT_EQ(b->acquire({1}).value().at(0).epoch, epoch + 1);
  // Many at once: those of other shards stand, in their order.
  std::vector<std::pair<LogId, bool>> results;
  for (LogId id = 2; id <= 9; ++id) {
    const uint32_t shard = id % 2 == 0 ? 1 : 2;
    log->commit({.fences = {{shard, epoch}}, .entries = {entry(juliet, id)}}, [&results, id](const Status& status) {
      EXPECT_TRUE(status || status.error().failure == Failure::fenced);
      results.emplace_back(id, status.has_value());
    });
  }
  ASSERT_TRUE(commit(*log, {.entries = {entry(juliet, 10)}}));
  for (size_t i = 0; i < results.size(); ++i) EXPECT_EQ(results[i], std::pair(LogId{i + 2}, i % 2 == 1));
  EXPECT_THAT(ids_of(log->query({.owner = juliet}).value().entries), ElementsAre(1, 3, 5, 7, 9, 10));
  EXPECT_TRUE(log->healthy());
}

TEST_F(PostgresLeases, FenceAStepOfTheStoresButNotItsTransaction) {
  auto a = join("a"), b = join("b");
  const uint64_t epoch = a->acquire({1, 2}).value().at(0).epoch;
  expire("a");
  ASSERT_TRUE(b->acquire({1}));
  auto stores = open_postgres_stores(database).value();
  const auto juliet = xmpp::Jid::parse("juliet@example.com").value();
  const Status done = stores->transaction([&]() -> Status {
    const auto put = [&](std::string_view key) { return stores->values().put(juliet, "k", key, "x"); };
    EXPECT_EQ(stores->step([&] { return put("old"); }, {1, epoch}).error().failure, Failure::fenced);
    EXPECT_TRUE(stores->step([&] { return put("held"); }, {2, epoch}));
    EXPECT_TRUE(stores->step([&] { return put("unfenced"); }));
    EXPECT_TRUE(stores->step(
        [&]() -> Status {
          return stores->values().get(juliet, "k", "a").has_value() ? Status() : fail(Failure::io, "");
        },
        {1, epoch}))
        << "reading is no writing";
    return {};
  });
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(stores->values().get(juliet, "k", "old").value(), std::nullopt);
  EXPECT_EQ(stores->values().all(juliet, "k").value().size(), 2u);
}

TEST_F(PostgresLeases, EndTheTransactionOfAPausedOwnerWhenTheyAreTaken) {
  auto a = join("a"), b = join("b");
  const uint64_t epoch = a->acquire({1}).value().at(0).epoch;
  PostgresOptions of_a = database;
  of_a.node = "a";
  auto stores = open_postgres_stores(of_a).value();
  const auto juliet = xmpp::Jid::parse("juliet@example.com").value();
  const Status done = stores->transaction([&]() -> Status {
    EXPECT_TRUE(stores->step([&] { return stores->values().put(juliet, "k", "1", "x"); }, {1, epoch}));
    // "Paused" here, with the lock on its shard's epoch in its hands.
    expire("a");
    EXPECT_EQ(b->acquire({1}).value().size(), 1u);
    return {};
  });
  EXPECT_EQ(done.error().failure, Failure::unavailable);
  EXPECT_EQ(stores->values().get(juliet, "k", "1").value(), std::nullopt) << "and the connection is opened again";
}

}  // namespace

}  // namespace rookery::storage
