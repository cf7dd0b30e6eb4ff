#include "server/net/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rookery::server {
namespace {

std::vector<std::string> names(const std::vector<SrvRecord>& records) {
  std::vector<std::string> out;
  for (const auto& record : records) out.push_back(record.target);
  return out;
}

TEST(SrvOrder, LowerPrioritiesComeFirst) {
  const auto ordered = in_order({{20, 0, 1, "c"}, {10, 0, 1, "a"}, {15, 100, 1, "b"}}, [](uint64_t) { return 0; });
  EXPECT_THAT(names(ordered), testing::ElementsAre("a", "b", "c"));
}

TEST(SrvOrder, TheNumberChoosesByWeight) {
  const std::vector<SrvRecord> records{{1, 10, 1, "ten"}, {1, 0, 1, "none"}, {1, 30, 1, "thirty"}};
  // RFC 2782: those of weight 0 stand first; the number is taken from 0 to the sum of the weights.
  EXPECT_EQ(names(in_order(records, [](uint64_t) { return 0; })).front(), "none");
  EXPECT_EQ(names(in_order(records, [](uint64_t) { return 10; })).front(), "ten");
  EXPECT_EQ(names(in_order(records, [](uint64_t n) { return n - 1; })).front(), "thirty");
}

TEST(SrvOrder, EveryRecordIsTriedOnce) {
  uint64_t state = 1;
  const auto random = [&](uint64_t n) { return (state = state * 6364136223846793005ull + 1442695040888963407ull) % n; };
  for (int i = 0; i < 100; ++i) {
    const auto ordered = in_order({{1, 5, 1, "a"}, {1, 5, 1, "b"}, {1, 0, 1, "c"}, {2, 1, 1, "d"}}, random);
    EXPECT_THAT(names(ordered), testing::UnorderedElementsAre("a", "b", "c", "d"));
    EXPECT_EQ(ordered.back().target, "d");
  }
}

}  // namespace
}  // namespace rookery::server
