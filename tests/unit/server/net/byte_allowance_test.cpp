#include "server/net/byte_allowance.h"

#include <gtest/gtest.h>

namespace rookery::server {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t rate = 1000, burst = 4000;
const Clock::time_point begin{};

TEST(ByteAllowance, WithoutARateNothingIsTooMuch) {
  ByteAllowance allowance(burst, begin);
  EXPECT_EQ(allowance.charge(1'000'000, 0, burst, begin), 0ms);
}

TEST(ByteAllowance, ABurstIsFreeAndWhatIsBeyondItWaits) {
  ByteAllowance allowance(burst, begin);
  EXPECT_EQ(allowance.charge(3999, rate, burst, begin), 0ms);
  EXPECT_EQ(allowance.charge(501, rate, burst, begin), 510ms);  // half a second's bytes too many, and a little
}

TEST(ByteAllowance, TimeEarnsTheRateButNeverMoreThanABurst) {
  ByteAllowance allowance(burst, begin);
  EXPECT_EQ(allowance.charge(6000, rate, burst, begin), 2010ms);
  EXPECT_EQ(allowance.charge(500, rate, burst, begin + 3s), 0ms);  // 2000 owed, 3000 earned, 500 used: 500 left
  EXPECT_EQ(allowance.charge(600, rate, burst, begin + 3s), 110ms);
  EXPECT_EQ(allowance.charge(100, rate, burst, begin + 1h), 0ms);
  EXPECT_EQ(allowance.charge(4000, rate, burst, begin + 1h), 10ms);
}

// A reload of the configuration holds for connections that are there.
TEST(ByteAllowance, TheLimitsMayChange) {
  ByteAllowance allowance(burst, begin);
  EXPECT_EQ(allowance.charge(5000, rate, burst, begin), 1010ms);
  EXPECT_EQ(allowance.charge(1000, 2 * rate, burst, begin), 1010ms);
}

}  // namespace
}  // namespace rookery::server
