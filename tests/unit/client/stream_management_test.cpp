#include "client/core/net/stream_management.h"

#include <gtest/gtest.h>

namespace rookery::client {
namespace {

TEST(StreamManagement, AcknowledgesInOrderAndNamesOnlyMessages) {
  StreamManagement sm;
  sm.start("id");
  sm.sent({"<presence/>", 0});
  sm.sent({"<message/>", 11});
  sm.sent({"<message/>", 12});
  const auto first = sm.acknowledged(2);
  EXPECT_TRUE(first.valid);
  EXPECT_EQ(first.messages, std::vector<int64_t>{11});
  EXPECT_EQ(sm.unacknowledged().size(), 1u);
  EXPECT_EQ(sm.acknowledged(3).messages, std::vector<int64_t>{12});
}

// REQ 32
TEST(StreamManagement, RefusesACountOfMoreThanWasSentAndOneThatGoesBack) {
  StreamManagement sm;
  sm.start("id");
  sm.sent({"<message/>", 1});
  EXPECT_FALSE(sm.acknowledged(2).valid);
  EXPECT_TRUE(sm.acknowledged(1).valid);
  EXPECT_FALSE(sm.acknowledged(0).valid);
}

TEST(StreamManagement, KeepsNothingWhileItIsOff) {
  StreamManagement sm;
  sm.sent({"<message/>", 1});
  EXPECT_TRUE(sm.unacknowledged().empty());
  sm.start("");
  EXPECT_FALSE(sm.can_resume());
}

}  // namespace
}  // namespace rookery::client
