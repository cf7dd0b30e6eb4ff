// Copies of the embedded stores, made while they are in use.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "storage/embedded.h"
#include "tests/unit/storage/message_log_contract.h"
#include "tests/unit/storage/temporary_folder.h"

namespace rookery::storage {
namespace {

const xmpp::Jid romeo = xmpp::Jid::parse("romeo@example.org").value();

Status put(Stores& stores, std::string_view value) {
  return stores.transaction([&] { return stores.values().put(romeo, "kind", "key", value); });
}

std::string value_in(const std::filesystem::path& file) {
  const auto stores = open_sqlite(file);
  if (!stores) return stores.error().message;
  const auto value = (*stores)->values().get(romeo, "kind", "key");
  return value ? value->value_or("none") : value.error().message;
}

TEST(CopySqlite, HasWhatIsCommittedAndNothingElse) {
  const TemporaryFolder folder;
  auto stores = open_sqlite(folder.path() / "a");
  ASSERT_TRUE(stores);
  ASSERT_TRUE(put(**stores, "before"));
  const Status written = (*stores)->transaction([&] {
    const Status put = (*stores)->values().put(romeo, "kind", "key", "not committed");
    EXPECT_TRUE(copy_sqlite(folder.path() / "a", folder.path() / "b"));
    return put;
  });
  ASSERT_TRUE(written);
  EXPECT_EQ(value_in(folder.path() / "b"), "before");
  EXPECT_EQ(value_in(folder.path() / "a"), "not committed");
}

// REQ 12: there are keys in it.
TEST(CopySqlite, IsForItsOwnerAlone) {
  const TemporaryFolder folder;
  ASSERT_TRUE(open_sqlite(folder.path() / "a"));
  ASSERT_TRUE(copy_sqlite(folder.path() / "a", folder.path() / "b"));
  struct stat status{};
  ASSERT_EQ(stat((folder.path() / "b").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
}

TEST(CopySqlite, OverwritesNothingAndNeedsASource) {
  const TemporaryFolder folder;
  ASSERT_TRUE(open_sqlite(folder.path() / "a"));
  std::ofstream(folder.path() / "b") << "precious";
  EXPECT_FALSE(copy_sqlite(folder.path() / "a", folder.path() / "b"));
  EXPECT_EQ(std::filesystem::file_size(folder.path() / "b"), 8u);
  EXPECT_FALSE(copy_sqlite(folder.path() / "no such file", folder.path() / "c"));
}

TEST(CopyRocksdb, HasWhatWasCommittedBeforeAndOpensAsALog) {
  const TemporaryFolder folder;
  auto log = open_rocksdb(folder.path() / "log");
  ASSERT_TRUE(log);
  const auto commit_entry = [&](LogId id) {
    LogBatch batch;
    batch.entries.push_back({"romeo@example.org", id, LogEntry::archived, "juliet@example.org", "<message/>"});
    return commit(**log, std::move(batch));
  };
  ASSERT_TRUE(commit_entry(1));
  ASSERT_TRUE((*log)->copy_to(folder.path() / "copy"));
  ASSERT_TRUE(commit_entry(2));
  EXPECT_FALSE((*log)->copy_to(folder.path() / "copy")) << "it exists";
  const auto copy = open_rocksdb(folder.path() / "copy");
  ASSERT_TRUE(copy) << copy.error().message;
  const auto page = (*copy)->query({.owner = "romeo@example.org"});
  ASSERT_TRUE(page);
  ASSERT_EQ(page->entries.size(), 1u);
  EXPECT_EQ(page->entries[0].id, 1u);
}

}  // namespace
}  // namespace rookery::storage
