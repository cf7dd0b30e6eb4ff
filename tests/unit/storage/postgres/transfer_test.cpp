#include "storage/transfer.h"

#include <gmock/gmock.h>

#include "storage/embedded.h"
#include "storage/sqlite/database.h"
#include "tests/unit/storage/message_log_contract.h"
#include "tests/unit/storage/postgres/server.h"
#include "tests/unit/storage/stores_contract.h"

namespace rookery::storage {

using testing::ElementsAre;
using testing::HasSubstr;

namespace {

const std::string juliet_text = "juliet@example.com";
xmpp::Jid jid(std::string_view text) { return xmpp::Jid::parse(text).value(); }

class Transfer : public testing::Test {
 protected:
  void fill_stores() {
    auto stores = open_sqlite(folder.path() / "rookery.sqlite").value();
    const auto juliet = jid(juliet_text), romeo = jid("romeo@example.org");
    const auto done = stores->transaction([&]() -> Status {
      for (int i = 0; i < 1500; ++i) {  // more than one chunk
        Account account{.jid = jid("u" + std::to_string(i) + "@example.com"),
                        .keys = {},
                        .disabled = i % 2 == 1,
                        .created = time_of(i)};
        account.keys.push_back({.hash = crypto::Hash::sha256,
                                .salt = std::string("\0\xff", 2),
                                .iterations = 9,
                                .stored_key = "k",
                                .server_key = "s"});
        if (auto status = stores->accounts().create(account); !status) return status;
      }
      auto status =
          stores->rosters().put(juliet, {.jid = romeo, .name = "R", .ask = true, .groups = {"Z", "A", ""}}, 7);
      if (status) status = stores->rosters().put(juliet, {.jid = jid("nurse@example.com")}, 8);
      if (status) status = stores->values().put(juliet, "vcard", "", "<v>é</v>");
      if (status) status = stores->pubsub().create(juliet, {.name = "urn:x", .config = "c"});
      for (const auto* id : {"1", "2", "1"}) {
        if (status)
          status = stores->pubsub().publish(juliet, "urn:x", {.id = id, .publisher = "p", .payload = "<p/>"}, 9);
      }
      if (status) status = stores->pubsub().set_affiliation(juliet, "urn:x", {.jid = "a@b", .affiliation = "member"});
      if (status)
        status = stores->pubsub().set_subscription(juliet, "urn:x", {.jid = "a@b", .subid = "1", .state = "pending"});
      if (status)
        status = stores->rooms().put({.jid = jid("coven@rooms.example.com"), .name = "Coven", .created = time_of(3)});
      if (status)
        status =
            stores->rooms().set_affiliation(jid("coven@rooms.example.com"), {.jid = romeo, .affiliation = "owner"});
      if (status) {
        status = stores->reports().add(
            {.id = "r", .time = time_of(4), .reporter = juliet, .reported = romeo, .reason = "urn:x", .xml = "<é/>"});
      }
      if (status)
        status = stores->push().put(jid("u1@example.com"),
                                    {.service = romeo, .node = "n", .options = "<é/>", .device = "phone"});
      return status;
    });
    ASSERT_TRUE(done) << done.error().message;
  }
  void fill_log() {
    auto log = open_rocksdb(folder.path() / "log").value();
    LogBatch batch{.seen = {{juliet_text, std::string(16, '\xfe')}},
                   .cursors = {{juliet_text, "", 3}, {juliet_text, "phone", 2}},
                   .counters = {{juliet_text, "s1", 0xffffffff}}};
    for (LogId id = 1; id <= 2500; ++id) batch.entries.push_back(entry(juliet_text, id));
    batch.entries.push_back(entry(juliet_text, 3000, LogEntry::inbox));
    batch.entries.push_back(entry("juliet@example.com.evil", 5, LogEntry::archived | LogEntry::outgoing));
    batch.entries.back().xml = std::string("\0\xff", 2);
    ASSERT_TRUE(commit(*log, std::move(batch)));
    ASSERT_TRUE(commit(*log, {.delivered = {{juliet_text, 7}}}));
  }

  TemporaryFolder folder;
  PostgresOptions database = postgres::database_of(folder.path());
};

TEST_F(Transfer, BringsEverythingOverAndProvesIt) {
  fill_stores();
  fill_log();
  const auto moved = transfer_to_postgres(folder.path(), database);
  ASSERT_TRUE(moved) << moved.error().message;
  const auto rows = [&](std::string_view what) { return std::ranges::find(*moved, what, &Transferred::what)->rows; };
  EXPECT_EQ(rows("accounts"), 1500u);
  EXPECT_EQ(rows("roster_groups"), 3u);
  EXPECT_EQ(rows("archived messages"), 2501u);
  EXPECT_EQ(rows("waiting messages"), 1u);
  EXPECT_EQ(rows("inbox cursors"), 2u);
  EXPECT_EQ(rows("session counters"), 1u);
  EXPECT_EQ(rows("keys of resent messages"), 1u);

  auto stores = open_postgres_stores(database).value();
  EXPECT_TRUE(stores->accounts().find(jid("u1@example.com")).value().disabled);
  EXPECT_EQ(stores->accounts().find(jid("u1@example.com")).value().keys.at(0).salt, std::string("\0\xff", 2));
  const Roster roster = stores->rosters().load(jid(juliet_text)).value();
  EXPECT_EQ(roster.version, 8u);
  EXPECT_THAT(roster.items.at(1).groups, ElementsAre("Z", "A", ""));
  EXPECT_THAT(stores->pubsub().items(jid(juliet_text), "urn:x", 9).value().at(0).id, "1")
      << "published again: the newest";
  auto log = open_postgres_log(database).value();
  EXPECT_EQ(log->query({.owner = juliet_text, .limit = 5000}).value().entries.size(), 2500u);
  EXPECT_THAT(ids_of(log->inbox(juliet_text, 4, 3).value()), ElementsAre(5, 6, 8));
  EXPECT_EQ(log->load(juliet_text).value().last_id, 3000u);
  EXPECT_EQ(log->counter(juliet_text, "s1").value(), 0xffffffffu);
}

TEST_F(Transfer, RefusesADatabaseThatHoldsData) {
  fill_stores();
  fill_log();
  ASSERT_TRUE(commit(*open_postgres_log(database).value(), {.entries = {entry(juliet_text, 1)}}));
  EXPECT_EQ(transfer_to_postgres(folder.path(), database).error().failure, Failure::conflict);
}

TEST_F(Transfer, RefusesANodeThatRunsAndAFolderWithoutOne) {
  EXPECT_EQ(transfer_to_postgres(folder.path(), database).error().failure, Failure::not_found);
  fill_stores();
  auto log = open_rocksdb(folder.path() / "log").value();
  EXPECT_EQ(transfer_to_postgres(folder.path(), database).error().failure, Failure::unavailable);
}

TEST_F(Transfer, LeavesNoTableBehindThatItDoesNotKnow) {
  fill_stores();
  fill_log();
  ASSERT_TRUE(sqlite::Database::open(folder.path() / "rookery.sqlite").value().execute("CREATE TABLE novelty (x)"));
  EXPECT_THAT(transfer_to_postgres(folder.path(), database).error().message, HasSubstr("novelty"));
}

TEST_F(Transfer, NoticesARowThatArrivedOtherwiseThanItWasSent) {
  fill_stores();
  fill_log();
  postgres::TestServer::shared().execute(
      folder.path().filename(),
      "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
      " IF new.id = 1234 THEN new.peer := 'mallory@example.com'; END IF; RETURN new; END $$;"
      "CREATE TRIGGER spoil BEFORE INSERT ON log_entries FOR EACH ROW EXECUTE FUNCTION spoil()");
  const auto moved = transfer_to_postgres(folder.path(), database);
  ASSERT_FALSE(moved);
  EXPECT_THAT(moved.error().message, HasSubstr("archived messages"));
}

}  // namespace

}  // namespace rookery::storage
