#include "server/rate_limit.h"

#include <gtest/gtest.h>

namespace rookery::server {
namespace {

using namespace std::chrono_literals;
constexpr Clock::time_point start = Clock::time_point() + 1h;

// REQ 28: per-IP and global rates.
TEST(RateLimit, AllowsSoManyAtOnceAndOneMoreForEachPartOfThePeriod) {
  RateLimit limit(3, 60min);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.take("a", start));
  EXPECT_FALSE(limit.take("a", start));
  EXPECT_FALSE(limit.take("a", start + 19min));
  EXPECT_TRUE(limit.take("a", start + 20min));
  EXPECT_FALSE(limit.take("a", start + 20min));
}

TEST(RateLimit, CountsKeysApart) {
  RateLimit limit(1, 60min);
  EXPECT_TRUE(limit.take("a", start));
  EXPECT_TRUE(limit.take("b", start));
  EXPECT_FALSE(limit.take("a", start));
}

TEST(RateLimit, AllowsNoMoreThanItsNumberAfterALongRest) {
  RateLimit limit(2, 60min);
  EXPECT_TRUE(limit.take("a", start));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(limit.take("a", start + 1000h));
  EXPECT_FALSE(limit.take("a", start + 1000h));
}

TEST(RateLimit, RefusesNewKeysWhileItRemembersTooMany) {
  RateLimit limit(2, 60min, 2);
  EXPECT_TRUE(limit.take("a", start));
  EXPECT_TRUE(limit.take("b", start));
  EXPECT_FALSE(limit.take("c", start));
  EXPECT_TRUE(limit.take("a", start));
  EXPECT_TRUE(limit.take("c", start + 60min));  // what has expired makes room
}

}  // namespace
}  // namespace rookery::server
