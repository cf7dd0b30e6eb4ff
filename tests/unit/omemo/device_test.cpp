// The keys of an own device: making, publishing and renewing them.
#include "tests/unit/omemo/pair.h"

namespace rookery::crypto::omemo {
namespace {

using std::chrono::days;

class OmemoDevice : public Pair {};
INSTANTIATE_TEST_SUITE_P(Both, OmemoDevice, testing::Values(Version::legacy, Version::v2), version_name);

TEST_P(OmemoDevice, PublishesAHundredPreKeysInTheFormOfTheVersion) {
  const Bundle bundle = alice.device.bundle(version()).value();
  const size_t size = version() == Version::legacy ? 33 : 32;
  EXPECT_EQ(bundle.version, version());
  EXPECT_EQ(bundle.pre_keys.size(), pre_keys_published);
  for (const auto& [id, key] : bundle.pre_keys) EXPECT_EQ(key.size(), size) << id;
  EXPECT_EQ(bundle.signed_pre_key.size(), size);
  EXPECT_EQ(bundle.identity_key.size(), size);
  EXPECT_EQ(bundle.signature.size(), 64U);
  EXPECT_EQ(IdentityKey::from_wire(version(), bundle.identity_key).value(), alice.device.identity());
}

TEST_P(OmemoDevice, StopsPublishingAUsedPreKey) {
  introduce(alice, bob);
  const auto message = write(alice, bob, "hello");
  EXPECT_EQ(bob.device.bundle(version()).value().pre_keys.size(), 100U);
  ASSERT_EQ(read(bob, alice, message), "hello");
  EXPECT_EQ(bob.device.bundle(version()).value().pre_keys.size(), 99U);
}

TEST_P(OmemoDevice, KeepsAUsedPreKeyDuringCatchUpSoThatTwoSendersMayHaveTakenIt) {
  Bundle bundle = bob.device.bundle(version()).value();
  bundle.pre_keys.erase(std::next(bundle.pre_keys.begin()), bundle.pre_keys.end());
  Person carol("carol@capulet.example");
  ASSERT_TRUE(alice.device.start_session(version(), bob.address(), bundle));
  ASSERT_TRUE(carol.device.start_session(version(), bob.address(), bundle));
  const auto first = write(alice, bob, "from alice");
  const auto second = write(carol, bob, "from carol");
  const auto third = write(carol, bob, "from carol again");
  EXPECT_TRUE(bob.device.decrypt(alice.address().jid, first, true).has_value());
  EXPECT_EQ(bob.device.bundle(version()).value().pre_keys.size(), 99U);
  EXPECT_TRUE(bob.device.decrypt(carol.address().jid, second, true).has_value());
  ASSERT_TRUE(bob.device.maintain());
  EXPECT_EQ(bob.store.pre_keys().value().size(), 99U);
  EXPECT_TRUE(bob.device.decrypt(carol.address().jid, third).has_value());
}

// REQ 33
TEST_P(OmemoDevice, RefillsPreKeysBelowSeventyFive) {
  for (size_t used = 0; used < 26; ++used) {
    ASSERT_TRUE(bob.device.maintain());
    EXPECT_EQ(bob.device.bundle(version()).value().pre_keys.size(), 100U - used);
    Person stranger("stranger" + std::to_string(used) + "@example.net");
    introduce(stranger, bob);
    ASSERT_EQ(read(bob, stranger, write(stranger, bob, "hello")), "hello");
  }
  const auto before = bob.device.bundle(version()).value().pre_keys;
  EXPECT_EQ(before.size(), 74U);
  ASSERT_TRUE(bob.device.maintain());
  const auto after = bob.device.bundle(version()).value().pre_keys;
  EXPECT_EQ(after.size(), 100U);
  EXPECT_GT(after.rbegin()->first, 100U) << "ids of used prekeys are not taken again";
  ASSERT_TRUE(bob.device.maintain());
  EXPECT_EQ(bob.device.bundle(version()).value().pre_keys, after);
}

// REQ 33
TEST_P(OmemoDevice, RotatesTheSignedPreKeyWeeklyAndStillTakesSessionsForTheOldOne) {
  const auto now = Device::Clock::now();
  introduce(alice, bob);
  const auto on_the_way = write(alice, bob, "sent last week");
  const Bundle old = bob.device.bundle(version()).value();
  ASSERT_TRUE(bob.device.maintain(now + days(6)));
  EXPECT_EQ(bob.device.bundle(version()).value(), old);
  ASSERT_TRUE(bob.device.maintain(now + days(8)));
  const Bundle fresh = bob.device.bundle(version()).value();
  EXPECT_NE(fresh.signed_pre_key_id, old.signed_pre_key_id);
  EXPECT_NE(fresh.signed_pre_key, old.signed_pre_key);
  EXPECT_EQ(fresh.identity_key, old.identity_key);
  EXPECT_EQ(read(bob, alice, on_the_way), "sent last week");

  Person carol("carol@capulet.example");
  introduce(carol, bob);
  EXPECT_EQ(read(bob, carol, write(carol, bob, "hello")), "hello");
}

TEST_P(OmemoDevice, ForgetsSignedPreKeysAfterSomeWeeks) {
  const auto now = Device::Clock::now();
  introduce(alice, bob);
  const auto ancient = write(alice, bob, "found in an attic");
  for (int week = 1; week <= 6; ++week) ASSERT_TRUE(bob.device.maintain(now + days(8 * week)));
  EXPECT_EQ(bob.store.signed_pre_keys().value().size(), signed_pre_keys_kept);
  EXPECT_EQ(read(bob, alice, ancient), "failed: unknown_pre_key");
}

TEST(OmemoDeviceCreation, PicksARandomIdInRangeOrTakesTheGivenOne) {
  MemoryStore store;
  const Device random = Device::create(store, "a@example.org").value();
  EXPECT_GE(random.id(), 1U);
  EXPECT_LE(random.id(), 0x7fffffffU);
  MemoryStore other;
  EXPECT_EQ(Device::create(other, "a@example.org", 31415).value().id(), 31415U);
}

TEST(OmemoDeviceCreation, NeverReplacesADevice) {
  MemoryStore store;
  ASSERT_TRUE(Device::create(store, "a@example.org"));
  EXPECT_EQ(Device::create(store, "a@example.org").error().failure, Failure::conflict);
}

TEST(OmemoDeviceCreation, OpeningAnEmptyStoreFindsNothing) {
  MemoryStore store;
  EXPECT_EQ(Device::open(store).error().failure, Failure::not_found);
}

TEST(OmemoDeviceCreation, OpeningGivesTheSameDeviceAgain) {
  MemoryStore store;
  const Device made = Device::create(store, "a@example.org").value();
  const Device opened = Device::open(store).value();
  EXPECT_EQ(opened.address(), made.address());
  EXPECT_EQ(opened.identity(), made.identity());
  for (const Version version : {Version::legacy, Version::v2}) {
    EXPECT_EQ(opened.bundle(version).value(), made.bundle(version).value());
  }
}

}  // namespace
}  // namespace rookery::crypto::omemo
