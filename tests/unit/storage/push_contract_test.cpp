#include <gmock/gmock.h>

#include "storage/embedded.h"
#include "tests/unit/storage/stores_contract.h"

namespace rookery::storage {

using testing::ElementsAre;
using testing::IsEmpty;

class PushContract : public StoresContract {
 protected:
  void SetUp() override {
    StoresContract::SetUp();
    for (const auto* name : {"juliet@example.com", "romeo@example.org"})
      expect_ok(stores->accounts().create(account(name)));
  }
  PushTarget target(std::string node, std::string options = {}) {
    return {
        .service = jid("push.example.net"), .node = std::move(node), .options = std::move(options), .device = "phone"};
  }
  PushStore& push() { return stores->push(); }
};

TEST_P(PushContract, KeepsTargetsOverAnOpening) {
  expect_ok(push().put(juliet, target("b", "<x/>")));
  expect_ok(push().put(juliet, target("a")));
  reopen();
  EXPECT_THAT(push().list(juliet).value(), ElementsAre(target("a"), target("b", "<x/>")));
  EXPECT_THAT(push().list(romeo).value(), IsEmpty());
}

// XEP-0357 §5: of the same address and node the last request counts.
TEST_P(PushContract, ReplacesATargetOfTheSameServiceAndNode) {
  expect_ok(push().put(juliet, target("a", "<x/>")));
  PushTarget newer = target("a", "<y/>");
  newer.device = "tablet";
  expect_ok(push().put(juliet, newer));
  EXPECT_THAT(push().list(juliet).value(), ElementsAre(newer));
}

// XEP-0357 §6: with a node that one, without all of the service.
TEST_P(PushContract, RemovesOneOrAllOfAService) {
  PushTarget other = target("a");
  other.service = jid("push.example.org");
  for (const auto& each : {target("a"), target("b"), target("c"), other}) expect_ok(push().put(juliet, each));
  expect_ok(push().remove(juliet, other.service, "none"));
  expect_ok(push().remove(juliet, target("b").service, "b"));
  EXPECT_THAT(push().list(juliet).value(), ElementsAre(target("a"), target("c"), other));
  expect_ok(push().remove(juliet, target("b").service, std::nullopt));
  EXPECT_THAT(push().list(juliet).value(), ElementsAre(other));
}

TEST_P(PushContract, GoesWithItsAccount) {
  expect_ok(push().put(juliet, target("a")));
  expect_ok(stores->accounts().remove(juliet));
  EXPECT_THAT(push().list(juliet).value(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Sqlite, PushContract,
                         testing::Values(StoresBackend{"sqlite", [](const std::filesystem::path& folder) {
                                                         return open_sqlite(folder / "rookery.sqlite");
                                                       }}));

}  // namespace rookery::storage
