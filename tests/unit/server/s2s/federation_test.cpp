#include "server/s2s/federation.h"

#include <gtest/gtest.h>

namespace rookery::server::s2s {
namespace {

TEST(Federation, NamesThatMeanSomethingHereOnlyAreLocal) {
  for (const auto* name : {"localhost", "chat", "chat.localhost", "printer.local", "a.test", "a.example",
                           "my.home.arpa", "192.0.2.1", "[::1]"}) {
    EXPECT_TRUE(is_local_name(name)) << name;
  }
  for (const auto* name : {"example.org", "local.example.org", "mylocal.org", "xn--bcher-kva.example.net"})
    EXPECT_FALSE(is_local_name(name)) << name;
}

TEST(Federation, AListedDomainStandsForAllBelowIt) {
  const std::vector<std::string> list{"spam.org"};
  EXPECT_TRUE(is_listed("spam.org", list));
  EXPECT_TRUE(is_listed("conference.spam.org", list));
  EXPECT_FALSE(is_listed("notspam.org", list));
  EXPECT_FALSE(is_listed("org", list));
}

// REQ 17
TEST(Federation, ConnectsNeitherToItselfNorIntoPrivateNetworks) {
  Config config;
  config.s2s = {"0.0.0.0:5269"};
  config.s2s_allow_private = {"10.1.0.0/16"};
  config.data_dir = testing::TempDir() + "rookery-federation-test";
  config.s2s_enabled = "off";
  Node node(config);
  Federation federation(node);
  ASSERT_TRUE(federation.load());
  EXPECT_FALSE(federation.may_connect("127.0.0.1", 5269, true)) << "our own listener, whatever is configured";
  EXPECT_FALSE(federation.may_connect("127.0.0.1", 15269, false));
  EXPECT_TRUE(federation.may_connect("127.0.0.1", 15269, true));
  EXPECT_FALSE(federation.may_connect("10.2.0.1", 5269, false));
  EXPECT_TRUE(federation.may_connect("10.1.0.1", 5269, false));
  for (const auto* ip :
       {"192.168.1.1", "169.254.169.254", "172.20.0.1", "::1", "fe80::1", "fd00::1", "::ffff:10.0.0.1", "0.0.0.0"}) {
    EXPECT_FALSE(federation.may_connect(ip, 5269, false)) << ip;
  }
  EXPECT_TRUE(federation.may_connect("9.9.9.9", 5269, false));
  EXPECT_TRUE(federation.may_connect("2620:fe::fe", 5269, false));
}

}  // namespace
}  // namespace rookery::server::s2s
