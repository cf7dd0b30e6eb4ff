#include "tests/unit/storage/invites_contract.h"

#include "storage/embedded.h"

namespace rookery::storage {

TEST_P(InvitesContract, KeepsAnInvitationOverAnOpening) {
  Invite made = invite("a", 3);
  made.registers = false;
  expect_ok(invites().create(made));
  EXPECT_EQ(invites().create(made).error().failure, Failure::conflict);
  reopen();
  const Invite found = invites().find("a").value();
  EXPECT_EQ(found.domain, "example.com");
  EXPECT_EQ(found.creator, "juliet@example.com");
  EXPECT_EQ(found.contact, "juliet@example.com");
  EXPECT_EQ(found.username, "näme");
  EXPECT_FALSE(found.registers);
  EXPECT_EQ(found.uses, 3u);
  EXPECT_EQ(found.created, at(1));
  EXPECT_EQ(found.expires, at(100));
}

TEST_P(InvitesContract, IsUsedNoMoreOftenThanItSays) {
  expect_ok(invites().create(invite("a", 2)));
  expect_ok(invites().use("a"));
  expect_ok(invites().use("a"));
  EXPECT_EQ(invites().use("a").error().failure, Failure::not_found);
  EXPECT_EQ(invites().use("b").error().failure, Failure::not_found);
  EXPECT_EQ(invites().find("a").value().uses, 0u);
}

TEST_P(InvitesContract, CountsAndReservesWhatCanStillBeUsed) {
  expect_ok(invites().create(invite("a")));
  expect_ok(invites().create(invite("b", 1, 50)));
  EXPECT_EQ(invites().count("juliet@example.com", at(49)).value(), 2u);
  EXPECT_EQ(invites().count("juliet@example.com", at(50)).value(), 1u);
  EXPECT_EQ(invites().count("romeo@example.com", at(1)).value(), 0u);
  EXPECT_TRUE(invites().is_reserved("example.com", "näme", at(99)).value());
  EXPECT_FALSE(invites().is_reserved("example.com", "name", at(99)).value());
  EXPECT_FALSE(invites().is_reserved("example.com", "näme", at(100)).value());
  expect_ok(invites().use("a"));
  EXPECT_FALSE(invites().is_reserved("example.com", "näme", at(99)).value());
}

TEST_P(InvitesContract, ListsRevokesAndForgets) {
  Invite newer = invite("b", 1, 20);
  newer.created = at(2);
  expect_ok(invites().create(invite("a")));
  expect_ok(invites().create(newer));
  expect_ok(invites().create(invite("c")));
  const auto all = invites().list("example.com", 2).value();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].id, "b");
  EXPECT_EQ(all[1].id, "a");
  EXPECT_TRUE(invites().list("example.org", 9).value().empty());
  expect_ok(invites().remove("a"));
  EXPECT_EQ(invites().remove("a").error().failure, Failure::not_found);
  EXPECT_EQ(invites().find("a").error().failure, Failure::not_found);
  expect_ok(invites().expire(at(21)));
  EXPECT_EQ(invites().find("b").error().failure, Failure::not_found);
  EXPECT_TRUE(invites().find("c"));
}

INSTANTIATE_TEST_SUITE_P(Sqlite, InvitesContract,
                         testing::Values(StoresBackend{"sqlite", [](const std::filesystem::path& folder) {
                                                         return open_sqlite(folder / "rookery.sqlite");
                                                       }}));

}  // namespace rookery::storage
