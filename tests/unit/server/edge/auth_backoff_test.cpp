#include "server/edge/auth_backoff.h"

#include <gtest/gtest.h>

#include <chrono>

namespace rookery::server {
namespace {

using namespace std::chrono_literals;

xmpp::Jid jid(const std::string& text) { return *xmpp::Jid::parse(text); }

class AuthBackoffTest : public ::testing::Test {
 protected:
  AuthBackoff backoff_{{.first = 500ms, .most = 16s, .memory = 15min, .entries = 300}};
  const xmpp::Jid romeo_ = jid("romeo@example.org"), juliet_ = jid("juliet@example.org");
  const std::string home_ = "192.0.2.1", attacker_ = "198.51.100.7";
  Clock::time_point now_ = Clock::time_point() + 1h;
};

// REQ 14: backoff per account and IP after failures.
TEST_F(AuthBackoffTest, DoublesWithEachFailureUpToItsBound) {
  for (const auto expected : {500ms, 1000ms, 2000ms, 4000ms, 8000ms, 16000ms, 16000ms, 16000ms}) {
    EXPECT_EQ(backoff_.failed(romeo_, home_, now_), expected);
  }
}

TEST_F(AuthBackoffTest, HoldsAttemptsThatBeginMeanwhileOnOtherConnections) {
  EXPECT_LE(backoff_.pause(romeo_, home_, now_), 0s);
  backoff_.failed(romeo_, home_, now_);
  EXPECT_EQ(backoff_.pause(romeo_, home_, now_ + 200ms), 300ms);
  EXPECT_LE(backoff_.pause(romeo_, home_, now_ + 500ms), 0s);
}

// REQ 14: no lock-out of the account.
TEST_F(AuthBackoffTest, LetsTheOwnerInAtOnceWhileAnotherNetworkGuesses) {
  for (int i = 0; i < 10; ++i) backoff_.failed(romeo_, attacker_, now_);
  EXPECT_EQ(backoff_.pause(romeo_, attacker_, now_), 16s);
  EXPECT_LE(backoff_.pause(romeo_, home_, now_), 0s);
}

TEST_F(AuthBackoffTest, MakesTheOwnerWaitALittleAtMostWhileManyNetworksGuess) {
  for (int i = 0; i < 100; ++i) backoff_.failed(romeo_, "203.0.113." + std::to_string(i), now_);
  EXPECT_EQ(backoff_.pause(romeo_, home_, now_), 2s);
}

TEST_F(AuthBackoffTest, HoldsANetworkThatGuessesAtManyAccounts) {
  for (int i = 0; i < 10; ++i) backoff_.failed(jid("user" + std::to_string(i) + "@example.org"), attacker_, now_);
  EXPECT_LE(backoff_.pause(juliet_, attacker_, now_), 0s);  // a few are forgiven: many may share an address
  for (int i = 10; i < 20; ++i) backoff_.failed(jid("user" + std::to_string(i) + "@example.org"), attacker_, now_);
  EXPECT_EQ(backoff_.pause(juliet_, attacker_, now_), 16s);
  EXPECT_LE(backoff_.pause(juliet_, home_, now_), 0s);
}

TEST_F(AuthBackoffTest, CountsAnIpv6NetworkAsOne) {
  backoff_.failed(romeo_, "2001:db8::1", now_);
  EXPECT_EQ(backoff_.failed(romeo_, "2001:db8::2", now_), 1s);
}

TEST_F(AuthBackoffTest, StartsAfreshForAnAccountAfterASuccessButNotForTheNetwork) {
  for (int i = 0; i < 13; ++i) backoff_.failed(romeo_, home_, now_);
  backoff_.succeeded(romeo_, home_);
  EXPECT_EQ(backoff_.pause(romeo_, home_, now_), 2s);    // the 3rd beyond what is forgiven
  EXPECT_EQ(backoff_.failed(juliet_, home_, now_), 4s);  // own accounts do not buy guesses at others
}

TEST_F(AuthBackoffTest, ForgetsAfterAWhile) {
  backoff_.failed(romeo_, home_, now_);
  now_ += 16min;
  EXPECT_EQ(backoff_.failed(romeo_, home_, now_), 500ms);
}

TEST_F(AuthBackoffTest, KeepsItsSizeWhateverStrangersTry) {
  for (int i = 0; i < 1000; ++i) {
    backoff_.failed(jid("user" + std::to_string(i) + "@example.org"), "192.0.2." + std::to_string(i % 250), now_);
    EXPECT_LE(backoff_.size(), 300u);
  }
}

}  // namespace
}  // namespace rookery::server
