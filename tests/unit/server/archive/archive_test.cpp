#include "server/archive/archive.h"

#include <gmock/gmock.h>

#include <future>

#include "storage/embedded.h"
#include "tests/unit/storage/temporary_folder.h"

namespace rookery::server {
namespace {

class ArchivePages : public testing::Test {
 protected:
  /// Ten messages of so many bytes, 1 to 10.
  void store(size_t bytes) {
    storage::LogBatch batch;
    for (storage::LogId id = 1; id <= 10; ++id) {
      batch.entries.push_back({"romeo@localhost", id, storage::LogEntry::archived, "juliet@localhost",
                               "<message>" + std::string(bytes, 'x') + "</message>"});
    }
    std::promise<void> done;
    log->commit(std::move(batch), [&](const Status&) { done.set_value(); });
    done.get_future().get();
  }
  storage::ArchivePage read(bool last_page, storage::LogId after = 0, storage::LogId before = 0) {
    ArchiveSearch search;
    search.query = {.owner = "romeo@localhost",
                    .with = {},
                    .start = {},
                    .end = {},
                    .after = after,
                    .before = before,
                    .ids = {},
                    .last_page = last_page,
                    .limit = 250};
    return read_archive(*log, search).value();
  }
  static std::vector<storage::LogId> ids(const storage::ArchivePage& page) {
    std::vector<storage::LogId> found;
    for (const auto& entry : page.entries) found.push_back(entry.id);
    return found;
  }

  const storage::TemporaryFolder folder;
  std::unique_ptr<storage::MessageLog> log = storage::open_rocksdb(folder.path() / "log", {}).value();
};

// XEP-0059 §2.1: a page may be smaller than was asked for. A stranger must not be able to make one that fits into no
// outbox.
TEST_F(ArchivePages, HoldNoMoreBytesThanAClientCanTake) {
  store(200'000);
  const auto oldest = read(false);
  EXPECT_THAT(ids(oldest), testing::ElementsAre(1, 2, 3, 4, 5));
  EXPECT_FALSE(oldest.complete);
  const auto newest = read(true);
  EXPECT_THAT(ids(newest), testing::ElementsAre(6, 7, 8, 9, 10));
  EXPECT_FALSE(newest.complete);
  const auto rest = read(false, 5);
  EXPECT_THAT(ids(rest), testing::ElementsAre(6, 7, 8, 9, 10));
  EXPECT_TRUE(rest.complete);
}

TEST_F(ArchivePages, HoldOneMessageHoweverLargeItIs) {
  store(3'000'000);
  EXPECT_THAT(ids(read(false)), testing::ElementsAre(1));
  EXPECT_THAT(ids(read(true)), testing::ElementsAre(10));
}

// What has expired is not shown, whether it has been deleted yet or not.
TEST_F(ArchivePages, BeginWithWhatHasNotExpired) {
  store(10);
  const auto owner = xmpp::Jid::parse("romeo@localhost").value();
  const auto search = [&](const xmpp::MamQuery& asked) { return make_archive_search(asked, owner, 10, 4).value(); };
  const auto page = read_archive(*log, search({})).value();
  EXPECT_THAT(ids(page), testing::ElementsAre(4, 5, 6, 7, 8, 9, 10));
  EXPECT_EQ(page.count, 7u);
  xmpp::MamQuery asked;
  asked.start = storage::time_of(2);
  EXPECT_THAT(ids(read_archive(*log, search(asked)).value()), testing::ElementsAre(4, 5, 6, 7, 8, 9, 10));
  asked.start = storage::time_of(8);
  EXPECT_THAT(ids(read_archive(*log, search(asked)).value()), testing::ElementsAre(8, 9, 10));
  asked = {};
  asked.page.before = "";
  asked.page.max = 100;
  EXPECT_THAT(ids(read_archive(*log, search(asked)).value()), testing::ElementsAre(4, 5, 6, 7, 8, 9, 10));
  asked = {};
  asked.page.after = storage::to_stanza_id(3);
  EXPECT_EQ(read_archive(*log, search(asked)).error().failure, Failure::not_found);
  asked.page.after = storage::to_stanza_id(4);
  EXPECT_THAT(ids(read_archive(*log, search(asked)).value()), testing::ElementsAre(5, 6, 7, 8, 9, 10));
  asked = {};
  asked.ids = {storage::to_stanza_id(5), storage::to_stanza_id(3)};
  EXPECT_EQ(read_archive(*log, search(asked)).error().failure, Failure::not_found);
  asked.ids = {storage::to_stanza_id(5)};
  EXPECT_THAT(ids(read_archive(*log, search(asked)).value()), testing::ElementsAre(5));
}

TEST_F(ArchivePages, AreToldOfInTheMetadataWithoutWhatHasExpired) {
  store(10);
  const auto metadata = [this](storage::LogId oldest) {
    return archive_metadata(*log, "romeo@localhost", 9, oldest).value();
  };
  EXPECT_EQ(metadata(0).start->id, storage::to_stanza_id(1));
  EXPECT_EQ(metadata(4).start->id, storage::to_stanza_id(4));
  EXPECT_EQ(metadata(4).end->id, storage::to_stanza_id(9));
  EXPECT_FALSE(metadata(10).start);
  EXPECT_FALSE(metadata(10).end);
}

TEST(OldestKept, IsSoManyDaysAgoOrNothingAtAll) {
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  EXPECT_EQ(oldest_kept(std::chrono::days(0)), 0u);
  EXPECT_EQ(oldest_kept(std::chrono::days(36'500)), 0u) << "before 1970";
  const auto week_ago = storage::time_of(oldest_kept(std::chrono::days(7)));
  EXPECT_GE(week_ago, now - std::chrono::days(7));
  EXPECT_LT(week_ago, now - std::chrono::days(7) + std::chrono::minutes(10));
}

}  // namespace
}  // namespace rookery::server
