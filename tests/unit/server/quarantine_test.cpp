#include "server/quarantine.h"

#include <gtest/gtest.h>

namespace rookery::server {

namespace {
storage::TimePoint at(std::chrono::minutes minutes) { return storage::TimePoint(minutes); }
using std::chrono::minutes;
}  // namespace

// REQ 28
TEST(Quarantine, LetsFewStrangersBeAddressedInAnHourAndEndsInTime) {
  Quarantine quarantine(at(minutes(1000)));
  EXPECT_TRUE(quarantine.holds(at(minutes(999))));
  EXPECT_FALSE(quarantine.holds(at(minutes(1000))));
  EXPECT_TRUE(quarantine.may_address_stranger(at(minutes(100)), 2));
  EXPECT_TRUE(quarantine.may_address_stranger(at(minutes(130)), 2));
  EXPECT_FALSE(quarantine.may_address_stranger(at(minutes(159)), 2));
  EXPECT_TRUE(quarantine.may_address_stranger(at(minutes(160)), 2));
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(quarantine.may_address_stranger(at(minutes(1000)), 2));
}

TEST(Quarantine, HoldsNobodyWhoIsNotInIt) {
  Quarantine none;
  EXPECT_FALSE(none.holds(at(minutes(1))));
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(none.may_address_stranger(at(minutes(1)), 1));
}

}  // namespace rookery::server
