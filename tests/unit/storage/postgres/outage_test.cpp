// PostgreSQL goes away and comes back, under the log's feet. A server of this test's own.
#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <thread>

#include "storage/postgres/database.h"
#include "storage/postgres/log_group.h"
#include "tests/unit/storage/message_log_contract.h"
#include "tests/unit/storage/postgres/server.h"

namespace rookery::storage {

using testing::ElementsAre;
using namespace std::chrono_literals;

namespace {

const std::string juliet = "juliet@example.com";

class Outage : public testing::Test {
 protected:
  static postgres::TestServer& server() {
    static postgres::TestServer own(5433);
    return own;
  }
  void SetUp() override {
    static int number = 0;
    name = "outage" + std::to_string(++number);
    database = server().make_database(name);
    database.answer_limit = 5s;
    log = open_postgres_log(database).value();
  }
  void TearDown() override {
    log.reset();
    if (server().pid() < 0) server().start();
  }

  std::string name;
  PostgresOptions database;
  std::unique_ptr<MessageLog> log;
};

TEST_F(Outage, IsWaitedForAndWhatWaitedIsWrittenInOrder) {
  ASSERT_TRUE(commit(*log, {.entries = {entry(juliet, 1)}}));
  server().kill();
  std::vector<LogId> order;
  std::promise<void> all_done;
  for (LogId id = 2; id <= 4; ++id) {
    log->commit({.entries = {entry(juliet, id)}}, [&, id](const Status& status) {
      if (status) order.push_back(id);
      if (id == 4) all_done.set_value();
    });
  }
  while (log->healthy()) std::this_thread::yield();
  server().start();
  all_done.get_future().wait();
  EXPECT_THAT(order, ElementsAre(2, 3, 4));
  EXPECT_TRUE(log->healthy());
  EXPECT_THAT(ids_of(log->query({.owner = juliet}).value().entries), ElementsAre(1, 2, 3, 4))
      << "readers connect again by themselves";
}

TEST_F(Outage, EndsWaitingBatchesWhenTheLogIsClosed) {
  server().kill();
  std::vector<Failure> failures;
  for (LogId id = 1; id <= 2; ++id) {
    log->commit({.entries = {entry(juliet, id)}},
                [&](const Status& status) { failures.push_back(status ? Failure::conflict : status.error().failure); });
  }
  while (log->healthy()) std::this_thread::yield();
  log.reset();
  EXPECT_THAT(failures, ElementsAre(Failure::unavailable, Failure::unavailable));
}

/// A primary whose synchronous standby is away: commits reach its own disk, and wait.
class Alone : public Outage {
 protected:
  void SetUp() override {
    Outage::SetUp();
    // Behind the first one the log tidies up, which would wait, too.
    for (const LogId id : {1, 2}) ASSERT_TRUE(commit(*log, {.entries = {entry("nurse@example.com", id)}}));
    stand_alone("nobody");
  }
  void TearDown() override {
    stand_alone("");
    Outage::TearDown();
  }
  void stand_alone(const std::string& standby) {
    server().execute("postgres", "ALTER SYSTEM SET synchronous_standby_names = '" + standby + "'");
    server().execute("postgres", "SELECT pg_reload_conf()");
  }
  /// True when a session waits for the standby that was not waiting before; false when `end` comes first.
  bool waits_again(const std::atomic<bool>& end) {
    for (;;) {
      auto rows = watcher.query(
          "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE 'rookery/ log%'");
      while (rows.next()) {
        if (std::exchange(waiting, rows.integer(0)) != rows.integer(0)) return true;
      }
      if (end) return false;
      std::this_thread::yield();
    }
  }
  /// What was written becomes visible, as it does in a crash, though no standby has it.
  void end_waiting_session() { EXPECT_TRUE(watcher.run("SELECT pg_terminate_backend($1::bigint::int)", waiting)); }

  int64_t waiting = 0;
  postgres::Database watcher{server().options("postgres"), " watcher"};
};

// REQ 18
TEST_F(Alone, WhatAFormerAttemptWroteIsNotAcknowledgedBeforeTheStandbyHasIt) {
  std::atomic<bool> done = false;
  LogId last = 0;
  do {  // until PostgreSQL has read its configuration
    done = false;
    log->commit({.entries = {entry(juliet, ++last)}, .seen = {{juliet, std::to_string(last)}}},
                [&](const Status& status) { done = status.has_value(); });
  } while (!waits_again(done));
  end_waiting_session();
  EXPECT_TRUE(waits_again(done)) << "it was written before, but here alone";
  EXPECT_FALSE(done);

  std::promise<Result<bool>> seen;
  std::atomic<bool> answered = false;
  std::thread reader([&] {
    auto known = log->has_seen(juliet, std::to_string(last));
    answered = true;
    seen.set_value(std::move(known));
  });
  EXPECT_TRUE(waits_again(answered));
  EXPECT_FALSE(answered);
  EXPECT_FALSE(log->has_seen(juliet, "unknown").value()) << "what is not known waits for nobody";

  stand_alone("");
  EXPECT_TRUE(seen.get_future().get().value());
  reader.join();
  while (!done) std::this_thread::yield();
  EXPECT_EQ(log->query({.owner = juliet, .limit = 10'000}).value().entries.size(), last) << "and it is there once";
}

TEST_F(Outage, InTheMiddleOfCommitsLosesNothingAndDoublesNothing) {
  // A transient entry and its delivery in one batch, a counter that only grows: what a second writing would spoil.
  std::atomic<LogId> durable = 0;
  constexpr LogId rounds = 1500;
  const auto end_sessions = [&] {
    server().execute(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'rookery/ log%'");
  };
  for (LogId id = 1; id <= rounds; ++id) {
    while (id > durable + 50) std::this_thread::yield();  // so up to 50 are under way when it happens
    if (id % 200 == 0) end_sessions();
    if (id == 700) {
      server().kill();
      server().start();
    }
    LogBatch batch{.entries = {entry(juliet, 2 * id), entry(juliet, 2 * id + 1, LogEntry::inbox)},
                   .counters = {{juliet, "s", static_cast<uint32_t>(id)}}};
    if (id > 1) batch.delivered = {{juliet, 2 * id - 1}};  // the one of the batch before
    log->commit(std::move(batch), [&durable, id](const Status& status) {
      if (status) durable = id;
    });
  }
  ASSERT_TRUE(commit(*log, {.delivered = {{juliet, 2 * rounds + 1}}}));
  EXPECT_EQ(durable, rounds);
  const auto entries = log->query({.owner = juliet, .limit = 10'000}).value().entries;
  ASSERT_EQ(entries.size(), rounds);
  for (LogId id = 1; id <= rounds; ++id) ASSERT_EQ(entries[id - 1].id, 2 * id);
  EXPECT_EQ(log->counter(juliet, "s").value(), rounds);
  EXPECT_EQ(log->inbox(juliet, 0, 10'000).value().size(), rounds) << "nothing that was delivered came back";
}

TEST_F(Outage, LeavesAGroupThatIsSentTwiceWrittenOnce) {
  // What the writer does when the answer to COMMIT did not come: the same group with the same number once more; and an
  // attempt that was under way all the time, and comes when a later group is there.
  auto one = postgres::Connection::open(database, " test").value(),
       other = postgres::Connection::open(database, " test").value();
  const auto send = [](postgres::Connection& connection, const LogBatch& batch, int64_t number) {
    postgres::LogGroup group;
    EXPECT_EQ(group.add(batch), postgres::LogGroup::Added::yes);
    group.send(connection, 4711, number);
    const postgres::Answer answer = connection.sync();
    connection.send("ROLLBACK");
    (void)connection.sync();
    return answer.error ? answer.sqlstate : "";
  };
  const LogBatch first{.entries = {entry(juliet, 1, LogEntry::inbox)}, .counters = {{juliet, "s", 1}}};
  const LogBatch second{.counters = {{juliet, "s", 2}}, .delivered = {{juliet, 1}}};
  EXPECT_EQ(send(*one, first, 1), "");
  EXPECT_EQ(send(*other, first, 1), postgres::sqlstate_written_before);
  EXPECT_EQ(send(*other, second, 2), "");
  EXPECT_EQ(send(*one, first, 1), postgres::sqlstate_written_before);
  EXPECT_EQ(log->counter(juliet, "s").value(), 2u);
  EXPECT_TRUE(log->inbox(juliet, 0, 9).value().empty());
}

TEST_F(Outage, EndsAnImpossibleBatchAloneAndNotTheQueueBehindIt) {
  std::vector<bool> results;
  for (LogId id = 1; id <= 5; ++id) {
    LogEntry each = entry(juliet, id);
    if (id == 3) each.peer = std::string("no\0text", 7);  // which PostgreSQL cannot hold, and no JID is
    log->commit({.entries = {each}}, [&](const Status& status) { results.push_back(status.has_value()); });
  }
  ASSERT_TRUE(commit(*log, {.entries = {entry(juliet, 6)}}));
  EXPECT_THAT(results, ElementsAre(true, true, false, true, true));
  EXPECT_THAT(ids_of(log->query({.owner = juliet}).value().entries), ElementsAre(1, 2, 4, 5, 6));
}

TEST_F(Outage, DoesNotFailAStoreThatIsUsedWhenItIsOver) {
  auto stores = open_postgres_stores(database).value();
  const auto owner = xmpp::Jid::parse(juliet).value();
  ASSERT_TRUE(stores->values().put(owner, "k", "1", "x"));
  server().kill();
  server().start();
  const Status done =
      stores->transaction([&] { return stores->step([&] { return stores->values().put(owner, "k", "2", "y"); }); });
  EXPECT_TRUE(done) << done.error().message;
  server().kill();
  server().start();
  EXPECT_EQ(stores->values().all(owner, "k").value().size(), 2u);
}

TEST_F(Outage, LetsNoOlderProgramUseANewerSchema) {
  EXPECT_TRUE(migrate_postgres(database)) << "again is fine";
  server().execute(name, "INSERT INTO schema_migrations (number) VALUES (999)");
  EXPECT_EQ(migrate_postgres(database).error().failure, Failure::invalid);
}

}  // namespace

}  // namespace rookery::storage
