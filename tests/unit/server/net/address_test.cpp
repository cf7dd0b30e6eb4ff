#include "server/net/address.h"

#include <gtest/gtest.h>

namespace rookery::server {
namespace {

// REQ 2: caps count IPv4 addresses and IPv6 /64s.
TEST(NetworkOf, IsAnAddressOfIpv4AndTheFirstHalfOfIpv6) {
  EXPECT_EQ(network_of("192.0.2.1"), "192.0.2.1");
  EXPECT_NE(network_of("192.0.2.1"), network_of("192.0.2.2"));
  EXPECT_EQ(network_of("2001:db8:1:2::1"), "2001:db8:1:2::/64");
  EXPECT_EQ(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  EXPECT_NE(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:3::1"));
}

TEST(NetworkOf, SeesThroughTheWaysToWriteAnAddress) {
  EXPECT_EQ(network_of("2001:db8::1"), network_of("2001:db8:0:0:5::"));
  EXPECT_EQ(network_of("::1"), "::/64");
  EXPECT_EQ(network_of("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(network_of("not an address"), "not an address");
}

}  // namespace
}  // namespace rookery::server
