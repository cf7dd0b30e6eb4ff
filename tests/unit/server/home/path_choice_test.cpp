#include "server/home/path_choice.h"

#include <gtest/gtest.h>

namespace rookery::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr seconds patience(20);

Path judge(const LinkHealth& health, milliseconds unanswered = milliseconds(0)) {
  return judge_path(health, unanswered, patience);
}

TEST(PathChoice, ALinkThatKnowsNothingIsJudgedByItsAnswers) {
  EXPECT_EQ(judge({}), Path::healthy);
  EXPECT_EQ(judge({}, seconds(4)), Path::healthy);
  EXPECT_EQ(judge({}, seconds(5)), Path::slow);
  EXPECT_EQ(judge({}, milliseconds(19'999)), Path::slow);
  EXPECT_EQ(judge({}, seconds(20)), Path::stalled);
}

TEST(PathChoice, LongRoundTripsAndLossesAreSlow) {
  EXPECT_EQ(judge({.rtt = milliseconds(300)}), Path::healthy);
  EXPECT_EQ(judge({.rtt = seconds(1)}), Path::slow);
  EXPECT_EQ(judge({.timeouts_in_a_row = 1}, milliseconds(1)), Path::healthy);
  EXPECT_EQ(judge({.timeouts_in_a_row = 2}, milliseconds(1)), Path::slow);
}

TEST(PathChoice, AWayOnWhichNothingIsAcknowledgedIsStalledBeforePatienceEnds) {
  EXPECT_EQ(judge({.timeouts_in_a_row = 5}, seconds(1)), Path::stalled);
  EXPECT_EQ(judge({.silence = seconds(10), .unacked_bytes = 1}, seconds(10)), Path::stalled);
  EXPECT_EQ(judge({.silence = seconds(10), .outbox_bytes = 1}, seconds(10)), Path::stalled);
}

TEST(PathChoice, SilenceIsNoFaultWhereNothingWaits) {
  EXPECT_EQ(judge({.silence = seconds(3600)}), Path::healthy);
  EXPECT_EQ(judge({.silence = seconds(3600), .unacked_bytes = 1}), Path::healthy) << "nobody was asked to answer";
  EXPECT_EQ(judge({.timeouts_in_a_row = 9}), Path::slow);
}

}  // namespace
}  // namespace rookery::server
