#include <sys/stat.h>

#include <array>
#include <fstream>

#include "storage/embedded.h"
#include "storage/sqlite/database.h"
#include "storage/sqlite/migrations.h"
#include "tests/unit/storage/stores_contract.h"

namespace rookery::storage {

INSTANTIATE_TEST_SUITE_P(Sqlite, StoresContract,
                         testing::Values(StoresBackend{
                             "sqlite", [](const auto& folder) { return open_sqlite(folder / "rookery.db"); }}));

namespace {

using sqlite::Database;
using sqlite::Migration;

class SqliteDatabase : public testing::Test {
 protected:
  Database open() { return std::move(Database::open(file).value()); }

  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "test.db";
};

TEST_F(SqliteDatabase, IsReadableByItsOwnerOnly) {
  const mode_t before = umask(0);
  auto database = open();
  EXPECT_TRUE(database.execute("CREATE TABLE t (a INTEGER) STRICT"));
  umask(before);
  for (const std::string suffix : {"", "-wal", "-shm"}) {
    struct stat info{};
    ASSERT_EQ(stat((file.string() + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << suffix;
  }
}

TEST(SqliteFile, ThatIsNoDatabaseIsNamed) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "rookery.sqlite";
  std::ofstream(file) << "this was a database once, before something wrote over its first page";
  const auto opened = open_sqlite(file);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find(file.string()), std::string::npos) << opened.error().message;
}

TEST_F(SqliteDatabase, IsDurableAndStrict) {
  auto database = open();
  const auto pragma = [&](std::string_view sql) {
    auto row = database.query(sql);
    return row.next() ? row.text(0) : std::string();
  };
  EXPECT_EQ(pragma("PRAGMA journal_mode"), "wal");
  auto row = database.query("PRAGMA synchronous");
  ASSERT_TRUE(row.next());
  EXPECT_EQ(row.integer(0), 2) << "FULL";
}

TEST_F(SqliteDatabase, CountsWhatOldNodesHoldAndFindsTheirCreators) {
  auto database = open();
  ASSERT_TRUE(database.migrate(sqlite::server_migrations().first(8)));
  ASSERT_TRUE(database.execute(R"sql(
    INSERT INTO pubsub_nodes VALUES ('pubsub.example.org', 'one', ''), ('pubsub.example.org', 'two', '');
    INSERT INTO pubsub_affiliations VALUES ('pubsub.example.org', 'one', 'a@b', 'member'),
      ('pubsub.example.org', 'one', 'c@d', 'owner'), ('pubsub.example.org', 'two', 'a@b', 'owner'),
      ('pubsub.example.org', 'two', 'c@d', 'owner');
    INSERT INTO pubsub_items (owner, node, id, publisher, payload, published) VALUES
      ('pubsub.example.org', 'one', 'é', 'c@d', '<x/>', 1), ('pubsub.example.org', 'one', '2', 'c@d', '', 1);)sql"));
  ASSERT_TRUE(database.migrate(sqlite::server_migrations()));
  auto rows = database.query("SELECT name, creator, bytes FROM pubsub_nodes ORDER BY name");
  ASSERT_TRUE(rows.next());
  EXPECT_EQ(rows.text(1), "c@d");
  EXPECT_EQ(rows.integer(2), 2 + 3 + 4 + 1 + 3);
  ASSERT_TRUE(rows.next());
  EXPECT_EQ(rows.text(1), "") << "nobody knows which of two owners has made it";
  EXPECT_EQ(rows.integer(2), 0);
}

TEST_F(SqliteDatabase, MigratesOnlyWhatIsNewAndAllOrNothing) {
  const std::array first = {Migration{1, "CREATE TABLE a (x INTEGER) STRICT; CREATE TABLE b (x INTEGER) STRICT;"}};
  const std::array second = {first[0], Migration{2, "ALTER TABLE a ADD COLUMN y TEXT"}};
  const std::array broken = {first[0], second[1], Migration{3, "CREATE TABLE c (x INTEGER) STRICT; nonsense"}};
  {
    auto database = open();
    EXPECT_TRUE(database.migrate(first));
    EXPECT_TRUE(database.migrate(first));
    EXPECT_FALSE(database.migrate(broken));
    EXPECT_FALSE(database.run("INSERT INTO a (x, y) VALUES (1, 'old')")) << "migration 2 was undone with migration 3";
    EXPECT_TRUE(database.migrate(second));
    EXPECT_TRUE(database.run("INSERT INTO a (x, y) VALUES (1, 'old')"));
  }
  auto refused = open().migrate(first);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().failure, Failure::invalid);
  EXPECT_NE(refused.error().message.find("newer version"), std::string::npos) << refused.error().message;
}

TEST_F(SqliteDatabase, TellsNullEmptyTextAndBytesApart) {
  auto database = open();
  ASSERT_TRUE(database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b BLOB, c REAL) STRICT"));
  const std::string bytes("\0\xff", 2);
  ASSERT_TRUE(database.run("INSERT INTO t (a, b, c) VALUES (?, ?, ?)", std::string_view(), sqlite::Blob{bytes}, 0.5));
  EXPECT_EQ(database.last_insert_id(), 1);
  ASSERT_TRUE(database.run("INSERT INTO t (a, b) VALUES (?, ?)", std::optional<std::string>(), nullptr));
  auto rows = database.query("SELECT a, b, c FROM t ORDER BY id");
  ASSERT_TRUE(rows.next());
  EXPECT_FALSE(rows.is_null(0));
  EXPECT_EQ(rows.text(0), "");
  EXPECT_EQ(rows.text(1), bytes);
  EXPECT_EQ(rows.real(2), 0.5);
  ASSERT_TRUE(rows.next());
  EXPECT_TRUE(rows.is_null(0));
  EXPECT_TRUE(rows.is_null(1));
  EXPECT_FALSE(rows.next());
  EXPECT_TRUE(rows.status());
}

TEST_F(SqliteDatabase, MapsFailures) {
  auto database = open();
  ASSERT_TRUE(
      database.execute("CREATE TABLE p (id INTEGER PRIMARY KEY) STRICT;"
                       "CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p, data BLOB) STRICT;"
                       "INSERT INTO p VALUES (1)"));
  EXPECT_EQ(database.run("INSERT INTO p VALUES (1)").error().failure, Failure::conflict);
  EXPECT_EQ(database.run("INSERT INTO c (p) VALUES (2)").error().failure, Failure::not_found);
  EXPECT_EQ(database.run("nonsense").error().failure, Failure::io);
  EXPECT_EQ(database.run("INSERT INTO p VALUES (2)", "one value too many").error().failure, Failure::io);
  EXPECT_EQ(Database::open(folder.path() / "missing" / "test.db").error().failure, Failure::io);
}

TEST_F(SqliteDatabase, WritesNothingOutsideATransactionThatAFullDiskHasEnded) {
  auto database = open();
  ASSERT_TRUE(database.execute("CREATE TABLE t (data BLOB) STRICT; PRAGMA max_page_count = 20"));
  const std::string large(200'000, 'x');
  const auto status = database.transaction([&]() -> Status {
    const auto step = database.savepoint([&] { return database.run("INSERT INTO t VALUES (?)", sqlite::Blob{large}); });
    EXPECT_EQ(step.error().failure, Failure::full);
    (void)database.execute("ROLLBACK");  // what SQLite does by itself after some of these failures
    EXPECT_FALSE(database.run("INSERT INTO t VALUES (x'00')"));
    EXPECT_FALSE(database.savepoint([]() -> Status { return {}; }));
    return {};
  });
  EXPECT_FALSE(status);
  auto rows = database.query("SELECT count(*) FROM t");
  ASSERT_TRUE(rows.next());
  EXPECT_EQ(rows.integer(0), 0);
}

TEST_F(SqliteDatabase, ServesTwoReadersOfOneStatementAtATime) {
  auto database = open();
  ASSERT_TRUE(database.execute("CREATE TABLE t (x INTEGER) STRICT; INSERT INTO t VALUES (1), (2)"));
  int pairs = 0;
  auto outer = database.query("SELECT x FROM t");
  while (outer.next()) {
    auto inner = database.query("SELECT x FROM t");
    while (inner.next()) ++pairs;
  }
  EXPECT_EQ(pairs, 4);
}

}  // namespace

}  // namespace rookery::storage
