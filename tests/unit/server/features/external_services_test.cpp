#include "server/features/external_services.h"

#include <gtest/gtest.h>

namespace rookery::server {
namespace {

// Computed with: printf '1700000000:romeo' | openssl dgst -sha1 -hmac secret -binary | base64
TEST(TurnCredentials, AreWhatATurnServerWithTheSameSecretComputes) {
  const auto [username, password] = turn_credentials("secret", "romeo", 1'700'000'000);
  EXPECT_EQ(username, "1700000000:romeo");
  EXPECT_EQ(password, "NpnLB2cJhpeo5yWmFKvcaa4qsMU=");
}

}  // namespace
}  // namespace rookery::server
