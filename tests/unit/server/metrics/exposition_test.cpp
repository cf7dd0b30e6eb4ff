#include "server/metrics/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rookery::server {
namespace {

using ::testing::HasSubstr;

TEST(Exposition, ACounterHasItsHelpItsTypeAndALineForEachSample) {
  Exposition out;
  out.counter("rookery_logins_total", "Attempts.").sample(3, {{"result", "ok"}}).sample(1, {{"result", "failed"}});
  EXPECT_EQ(out.take(),
            "# HELP rookery_logins_total Attempts.\n# TYPE rookery_logins_total counter\n"
            "rookery_logins_total{result=\"ok\"} 3\nrookery_logins_total{result=\"failed\"} 1\n");
}

TEST(Exposition, ALabelsValueCannotEndItsLine) {
  Exposition out;
  out.gauge("up", "a\nb\\").sample(true, {{"node", "a\"b\\c\nd"}});
  EXPECT_EQ(out.take(), "# HELP up a\\nb\\\\\n# TYPE up gauge\nup{node=\"a\\\"b\\\\c\\nd\"} 1\n");
}

TEST(Exposition, BucketsAreCumulativeAndTheLastOneHoldsAll) {
  Histogram values;
  for (const uint64_t us : {50u, 100u, 100u, 1'000'000'000u}) values.add(us);
  Exposition out;
  out.histogram("wait_seconds", "Waiting.", values, Exposition::Unit::seconds, 6, 7);
  EXPECT_EQ(out.take(),
            "# HELP wait_seconds Waiting.\n# TYPE wait_seconds histogram\nwait_seconds_bucket{le=\"6.4e-05\"} 1\n"
            "wait_seconds_bucket{le=\"0.000128\"} 3\nwait_seconds_bucket{le=\"+Inf\"} 4\nwait_seconds_sum "
            "1000.00025\nwait_seconds_count 4\n");
}

TEST(Exposition, WholeNumbersHaveBoundsThatIncludeTheirLargestValue) {
  Histogram rows;
  rows.add(1);
  rows.add(2);
  rows.add(3);
  rows.add(4);
  Exposition out;
  out.histogram("rows", "Rows.", rows, Exposition::Unit::count, 1, 2);
  EXPECT_THAT(out.take(),
              HasSubstr("rows_bucket{le=\"1\"} 1\nrows_bucket{le=\"3\"} 3\nrows_bucket{le=\"+Inf\"} 4\nrows_sum 10\n"));
}

TEST(Histogram, TakesTheLargestValueAndAClockThatWasSetBack) {
  Histogram values;
  values.add(UINT64_MAX);
  values.add_time(std::chrono::seconds(-5));
  EXPECT_EQ(values.count(), 2u);
  EXPECT_EQ(values.below(0), 1u);
}

TEST(LoopCounters, TheSumHasEveryMember) {
  // One of each; a member that += forgets would stay as it was.
  LoopCounters one;
  one.connections.fill(1);
  one.accepted.fill(1);
  one.stream_errors.fill(1);
  one.stanzas_in.fill(1);
  one.stanzas_out.fill(1);
  for (Histogram* each : {&one.durable, &one.acknowledged, &one.commit_time, &one.commit_rows}) each->add(1);
  for (uint64_t* each : {&one.bytes_in, &one.bytes_out, &one.messages, &one.stored, &one.delivered, &one.offline,
                         &one.resent, &one.expired, &one.packets_out, &one.packets_in, &one.packet_retries,
                         &one.no_responders, &one.s2s_in, &one.s2s_out, &one.s2s_resent, &one.s2s_bounced})
    *each = 1;
  for (int64_t* each :
       {&one.outbox_bytes, &one.sessions, &one.sessions_available, &one.sessions_waiting, &one.s2s_waiting})
    *each = 1;
  LoopCounters sum = one;
  sum += one;
  // All are 64-bit integers without padding: each of them that was 1 is 2 now.
  constexpr size_t words = sizeof(LoopCounters) / sizeof(uint64_t);
  const auto before = std::bit_cast<std::array<uint64_t, words>>(one);
  const auto after = std::bit_cast<std::array<uint64_t, words>>(sum);
  size_t ones = 0;
  for (size_t i = 0; i < words; ++i) {
    EXPECT_EQ(after[i], 2 * before[i]) << "word " << i;
    ones += before[i];
  }
  EXPECT_EQ(ones, 9u + 9 + 24 + 3 + 3 + 4 * 2 + 16 + 5) << "this test does not know a new member";
  EXPECT_EQ(words, 9u + 9 + 24 + 3 + 3 + 4 * 33 + 16 + 5) << "this test does not know a new member";
}

}  // namespace
}  // namespace rookery::server
