#include "server/edge/connection_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

namespace rookery::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ConnectionLimitsTest : public ::testing::Test {
 protected:
  void SetUp() override { loop_.start(); }
  void TearDown() override { loop_.stop(); }

  ConnectionLimits::Place enter(ConnectionLimits& limits, const std::string& ip, const std::string& name,
                                const std::string& listener = "door") {
    return limits.enter(ip, listener, loop_, [this, name] { closed_.push_back(name); });
  }
  /// Who was closed, in order; all that was posted has run.
  std::vector<std::string> closed() {
    on_loop([] {});
    return closed_;
  }
  void on_loop(const std::function<void()>& function) {
    std::promise<void> done;
    loop_.post([&] {
      function();
      done.set_value();
    });
    done.get_future().wait();
  }

  Loop loop_{0};
  std::vector<std::string> closed_;
};

// REQ 2: when full, close the oldest unauthenticated one, never refuse the newcomer.
TEST_F(ConnectionLimitsTest, CloseTheOldestOfANetworkThatIsFull) {
  ConnectionLimits limits({.per_network = 2, .per_listener = 10, .total = 10});
  const auto other = enter(limits, "192.0.2.9", "other");
  const auto first = enter(limits, "192.0.2.1", "first");
  const auto second = enter(limits, "192.0.2.1", "second");
  EXPECT_THAT(closed(), IsEmpty());
  const auto third = enter(limits, "192.0.2.1", "third");
  EXPECT_THAT(closed(), ElementsAre("first"));
  const auto fourth = enter(limits, "192.0.2.1", "fourth");
  EXPECT_THAT(closed(), ElementsAre("first", "second"));
  EXPECT_EQ(limits.count(), 3u);
  EXPECT_EQ(limits.evicted(), 2u);
}

TEST_F(ConnectionLimitsTest, CountAllAddressesOfAnIpv6NetworkTogether) {
  ConnectionLimits limits({.per_network = 1, .per_listener = 10, .total = 10});
  const auto first = enter(limits, "2001:db8::1", "first");
  const auto neighbour = enter(limits, "2001:db8:0:1::1", "neighbour");
  const auto second = enter(limits, "2001:db8::ffff:2", "second");
  EXPECT_THAT(closed(), ElementsAre("first"));
}

TEST_F(ConnectionLimitsTest, CloseTheOldestOfAListenerThatIsFull) {
  ConnectionLimits limits({.per_network = 10, .per_listener = 1, .total = 10});
  const auto elsewhere = enter(limits, "192.0.2.1", "elsewhere", "back door");
  const auto first = enter(limits, "192.0.2.2", "first");
  const auto second = enter(limits, "192.0.2.3", "second");
  EXPECT_THAT(closed(), ElementsAre("first"));
}

TEST_F(ConnectionLimitsTest, CloseTheOldestOfAllWhenAllIsFull) {
  ConnectionLimits limits({.per_network = 10, .per_listener = 10, .total = 2});
  const auto first = enter(limits, "192.0.2.1", "first", "a");
  const auto second = enter(limits, "192.0.2.2", "second", "b");
  const auto third = enter(limits, "192.0.2.3", "third", "c");
  EXPECT_THAT(closed(), ElementsAre("first"));
  EXPECT_EQ(limits.count(), 2u);
}

TEST_F(ConnectionLimitsTest, ForgetWhoeverHasLeft) {
  ConnectionLimits limits({.per_network = 1, .per_listener = 1, .total = 1});
  auto first = enter(limits, "192.0.2.1", "first");
  first.leave();  // it has authenticated, or ended
  EXPECT_EQ(limits.count(), 0u);
  const auto second = enter(limits, "192.0.2.1", "second");
  EXPECT_THAT(closed(), IsEmpty());
}

TEST_F(ConnectionLimitsTest, DoNotCloseWhoAuthenticatedBeforeTheNewsCame) {
  ConnectionLimits limits({.per_network = 1, .per_listener = 1, .total = 1});
  auto first = enter(limits, "192.0.2.1", "first");
  ConnectionLimits::Place second;
  on_loop([&] {
    second = enter(limits, "192.0.2.1", "second");  // posts the close of the first …
    first.leave();                                  // … which leaves in the same turn
  });
  EXPECT_THAT(closed(), IsEmpty());
}

}  // namespace
}  // namespace rookery::server
