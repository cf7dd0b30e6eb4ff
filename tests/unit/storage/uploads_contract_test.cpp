#include <gmock/gmock.h>

#include "storage/embedded.h"
#include "tests/unit/storage/stores_contract.h"

namespace rookery::storage {

using testing::ElementsAre;
using testing::IsEmpty;

namespace {
TimePoint at(int seconds) { return TimePoint(std::chrono::seconds(seconds)); }
}  // namespace

class UploadsContract : public StoresContract {
 protected:
  Upload upload(std::string id, uint64_t bytes, const xmpp::Jid& account, int expires = 100) {
    return {.id = std::move(id),
            .account = account,
            .name = "é.png",
            .type = "image/png",
            .size_bytes = bytes,
            .expires = at(expires)};
  }
  UploadStore& uploads() { return stores->uploads(); }
};

TEST_P(UploadsContract, KeepsAnUploadOverAnOpening) {
  expect_ok(uploads().begin(upload("a", 10, juliet), 100));
  EXPECT_FALSE(uploads().find("a").value().complete);
  expect_ok(uploads().complete("a", at(500)));
  reopen();
  const Upload found = uploads().find("a").value();
  EXPECT_TRUE(found.complete);
  EXPECT_EQ(found.account, juliet);
  EXPECT_EQ(found.name, "é.png");
  EXPECT_EQ(found.type, "image/png");
  EXPECT_EQ(found.size_bytes, 10u);
  EXPECT_EQ(found.expires, at(500));
}

TEST_P(UploadsContract, TakesAnIdOnce) {
  expect_ok(uploads().begin(upload("a", 10, juliet), 100));
  EXPECT_EQ(uploads().begin(upload("a", 10, romeo), 100).error().failure, Failure::conflict);
  EXPECT_EQ(uploads().find("a").value().account, juliet);
  expect_ok(uploads().remove("a"));
  expect_ok(uploads().begin(upload("a", 10, romeo), 100));
}

// REQ 26: the quota of an account counts what has only begun, too.
TEST_P(UploadsContract, HoldsTheQuotaOfEachAccount) {
  expect_ok(uploads().begin(upload("a", 60, juliet), 100));
  EXPECT_EQ(uploads().begin(upload("b", 41, juliet), 100).error().failure, Failure::full);
  expect_ok(uploads().begin(upload("b", 40, juliet), 100));
  expect_ok(uploads().begin(upload("c", 100, romeo), 100));
  EXPECT_EQ(uploads().begin(upload("d", 101, nurse), 100).error().failure, Failure::full);
  EXPECT_EQ(uploads().used_bytes(juliet).value(), 100u);
  EXPECT_EQ(uploads().used_bytes(nurse).value(), 0u);
}

TEST_P(UploadsContract, ListsWhatHasExpired) {
  expect_ok(uploads().begin(upload("late", 1, juliet, 30), 100));
  expect_ok(uploads().begin(upload("early", 1, juliet, 10), 100));
  expect_ok(uploads().begin(upload("kept", 1, juliet, 31), 100));
  EXPECT_THAT(uploads().expired(at(30), 10).value(), ElementsAre("early", "late"));
  EXPECT_THAT(uploads().expired(at(30), 1).value(), ElementsAre("early"));
  EXPECT_THAT(uploads().expired(at(9), 10).value(), IsEmpty());
}

TEST_P(UploadsContract, ExpiresAnUploadAtOnce) {
  expect_ok(uploads().begin(upload("a", 1, juliet, 30), 100));
  expect_ok(uploads().begin(upload("b", 1, juliet, 30), 100));
  expect_ok(uploads().expire("a"));
  EXPECT_THAT(uploads().expired(at(1), 10).value(), ElementsAre("a"));
  EXPECT_EQ(uploads().used_bytes(juliet).value(), 2u) << "the space is taken until the content is gone";
  expect_ok(uploads().expire("absent"));
}

TEST_P(UploadsContract, ExpiresWhatADeletedAccountLeaves) {
  expect_ok(stores->accounts().create(account("juliet@example.com")));
  expect_ok(uploads().begin(upload("a", 1, juliet), 100));
  expect_ok(stores->accounts().remove(juliet));
  EXPECT_THAT(uploads().expired(at(1), 10).value(), ElementsAre("a"));
}

TEST_P(UploadsContract, SaysWhatIsUnknown) {
  EXPECT_EQ(uploads().find("a").error().failure, Failure::not_found);
  EXPECT_EQ(uploads().complete("a", at(1)).error().failure, Failure::not_found);
  expect_ok(uploads().remove("a"));
}

INSTANTIATE_TEST_SUITE_P(Sqlite, UploadsContract,
                         testing::Values(StoresBackend{"sqlite", [](const std::filesystem::path& folder) {
                                                         return open_sqlite(folder / "rookery.sqlite");
                                                       }}));

}  // namespace rookery::storage
