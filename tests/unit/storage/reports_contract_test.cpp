// storage/reports.h, for every backend that holds the contract of the stores.
#include <gmock/gmock.h>

#include "tests/unit/storage/stores_contract.h"

namespace rookery::storage {

using testing::ElementsAre;

namespace {

TimePoint at(int seconds) { return TimePoint(std::chrono::seconds(seconds)); }

Report report(std::string id, int seconds, const xmpp::Jid& reporter) {
  const auto reported = xmpp::Jid::parse("romeo@example.org/x").value();
  return {.id = std::move(id),
          .time = at(seconds),
          .reporter = reporter,
          .reported = reported,
          .reason = "urn:x",
          .xml = "<é/>"};
}

std::vector<std::string> ids(Stores& stores, int since, size_t limit = 10) {
  std::vector<std::string> found;
  const auto reports = stores.reports().list(at(since), limit).value();
  for (const auto& one : reports) found.push_back(one.id);
  return found;
}

}  // namespace

TEST_P(StoresContract, KeepsReportsOverAnOpeningAndAnAccountsEnd) {
  expect_ok(stores->accounts().create(account("juliet@example.com")));
  expect_ok(stores->reports().add(report("a", 10, juliet)));
  expect_ok(stores->accounts().remove(juliet));
  reopen();
  const Report found = stores->reports().list(at(0), 10).value().at(0);
  EXPECT_EQ(found.id, "a");
  EXPECT_EQ(found.time, at(10));
  EXPECT_EQ(found.reporter, juliet);
  EXPECT_EQ(found.reported.text(), "romeo@example.org/x");
  EXPECT_EQ(found.reason, "urn:x");
  EXPECT_EQ(found.xml, "<é/>");
}

TEST_P(StoresContract, ListsTheOldestReportsFirstFromATimeOn) {
  expect_ok(stores->reports().add(report("c", 30, juliet)));
  expect_ok(stores->reports().add(report("b", 20, juliet)));
  expect_ok(stores->reports().add(report("a", 20, nurse)));
  EXPECT_THAT(ids(*stores, 0), ElementsAre("a", "b", "c"));
  EXPECT_THAT(ids(*stores, 0, 1), ElementsAre("a"));
  EXPECT_THAT(ids(*stores, 21), ElementsAre("c"));
  EXPECT_EQ(stores->reports().count_by(juliet, at(20)).value(), 2u);
  EXPECT_EQ(stores->reports().count_by(juliet, at(21)).value(), 1u);
  EXPECT_EQ(stores->reports().count_by(romeo, at(0)).value(), 0u);
}

TEST_P(StoresContract, TakesAReportsIdOnceAndForgetsWhatIsOld) {
  expect_ok(stores->reports().add(report("a", 10, juliet)));
  EXPECT_EQ(stores->reports().add(report("a", 20, nurse)).error().failure, Failure::conflict);
  expect_ok(stores->reports().add(report("b", 20, juliet)));
  expect_ok(stores->reports().expire(at(20)));
  EXPECT_THAT(ids(*stores, 0), ElementsAre("b"));
}

}  // namespace rookery::storage
