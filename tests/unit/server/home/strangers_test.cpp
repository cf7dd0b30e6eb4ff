// REQUIREMENTS 29; how it looks to clients: tests/golden/strangers.
#include "server/home/strangers.h"

#include <gmock/gmock.h>

#include "tests/unit/server/home/home_fixture.h"

namespace rookery::server {
namespace {

Acquaintances::Time at(int64_t seconds) { return Acquaintances::Time(std::chrono::seconds(seconds)); }

// REQ 29
TEST(AcquaintancesOfAnAccount, CountThoseWhoAreNewAndForgetTheOldest) {
  Acquaintances known;
  known.add("juliet@example.com", at(100));
  known.add("nurse@example.com", at(200));
  known.add("nurse@example.com", at(300));  // is known: stays as old as it is
  known.add("came-first@example.com", {});
  EXPECT_EQ(known.added_after(at(99)), 2u);
  EXPECT_EQ(known.added_after(at(100)), 1u);
  EXPECT_EQ(known.added_after(at(200)), 0u);
  for (size_t n = known.size(); n < Acquaintances::most; ++n)
    EXPECT_EQ(known.add("n" + std::to_string(n), at(1'000)), std::nullopt);
  EXPECT_EQ(known.add("one more", at(1'001)), "came-first@example.com");
  EXPECT_EQ(known.size(), Acquaintances::most);
}

TEST(StrangersOfAnAccount, AreReadBackFromTheStore) {
  const Strangers strangers({{"held romeo@example.org", storage::to_stanza_id(77)},
                             {"policy", "hold"},
                             {"written juliet@example.com", "100"}});
  EXPECT_EQ(strangers.policy, "hold");
  EXPECT_TRUE(strangers.acquaintances.contains("juliet@example.com"));
  EXPECT_EQ(strangers.acquaintances.added_after(at(99)), 1u);
  ASSERT_TRUE(strangers.held.contains("romeo@example.org"));
  EXPECT_EQ(strangers.held.at("romeo@example.org").first, 77u);
}

class RemoteStrangers : public HomeFixture {
 protected:
  static Config config() {
    Config config;
    config.strangers_per_domain = 2;
    return config;
  }
  RemoteStrangers() : HomeFixture(config()) {}
  /// As a server-to-server connection would hand it over; gives the error that went back, if any.
  std::optional<xmpp::StanzaError> verdict(const std::string& from, const std::string& to,
                                           const std::string& type = "chat") {
    auto message =
        xmpp::parse_document("<message type='" + type + "'><body>x</body></message>", {}, xmpp::ns::client).value();
    message->set_attr("from", from).set_attr("to", to);
    Envelope envelope{
        .from = xmpp::Jid::parse(from).value(), .to = xmpp::Jid::parse(to).value(), .stanza = std::move(message)};
    return on_loop_of(to, [&]() -> std::optional<xmpp::StanzaError> {
      Home* home = node->homes().find_loaded(envelope.to);
      if (home == nullptr) {
        for (const auto& hook : node->features().stanza_to_nobody) {
          if (auto error = hook(envelope)) return error;
        }
        return std::nullopt;
      }
      for (const auto& hook : node->features().stanza_to_account) {
        const Verdict verdict = hook(*home, envelope);
        if (verdict.error) return verdict.error;
      }
      return std::nullopt;
    });
  }
  static bool is_refused(const std::optional<xmpp::StanzaError>& error) {
    return error && error->condition == xmpp::Condition::policy_violation && error->type == xmpp::ErrorType::wait;
  }
  const std::string romeo = account_on(1, "romeo"), nobody = "nobody@localhost";
};

// REQ 29, REQ 16: one budget of a domain for accounts that exist and that do not, answered alike.
TEST_F(RemoteStrangers, OfOneDomainHaveOneBudget) {
  Client phone = bind(romeo, "phone");
  EXPECT_FALSE(verdict("a@spam.example/x", romeo));
  EXPECT_FALSE(verdict("a@spam.example/y", romeo)) << "the same stranger again is no new one";
  EXPECT_FALSE(verdict("b@spam.example/x", nobody));
  EXPECT_TRUE(is_refused(verdict("c@spam.example/x", romeo)));
  EXPECT_TRUE(is_refused(verdict("c@spam.example/x", nobody)));
  EXPECT_FALSE(verdict("a@spam.example/x", romeo));
  EXPECT_FALSE(verdict("c@spam.example/x", romeo, "error")) << "an error is an answer";
  EXPECT_FALSE(verdict("a@other.example/x", romeo)) << "another domain has its own";
}

// REQ 29: whom the account has written to is no stranger.
TEST_F(RemoteStrangers, ThatWereWrittenToAreNotCounted) {
  Client phone = bind(romeo, "phone");
  EXPECT_FALSE(verdict("a@spam.example/x", romeo));
  EXPECT_FALSE(verdict("b@spam.example/x", romeo));
  phone.message("friend@spam.example", "hello");
  EXPECT_FALSE(verdict("friend@spam.example/x", romeo));
  EXPECT_TRUE(is_refused(verdict("c@spam.example/x", romeo)));
}

class HeldStrangers : public HomeFixture {
 protected:
  static Config config() {
    Config config;
    config.strangers_policy = "hold";
    return config;
  }
  HeldStrangers() : HomeFixture(config()) { juliet.enable(); }
  void crash() {
    on_loop_of(romeo, [&] { node->homes().crash(); });
    let_loops_run();
  }
  const std::string romeo = account_on(1, "romeo");
  Client juliet = bind(account_on(0, "juliet"), "balcony");
};

// REQ 18, 19: what nobody will show any more is not confirmed.
TEST_F(HeldStrangers, AMessageIsConfirmedWhenARestartKnowsThatItIsHeld) {
  Client phone = bind(romeo, "phone");
  phone.go_online();
  std::promise<void> may_go_on;
  auto wait = may_go_on.get_future().share();
  on_loop_of(romeo, [&] {
    node->stores().read([wait](storage::Stores&) { return wait.wait(), Status(); }, [](const Status&) {});
  });
  juliet.message(romeo, "one");
  juliet.message(romeo, "two");
  let_loops_run();
  EXPECT_THAT(log->entries(romeo), testing::IsEmpty());
  juliet.request_ack();
  EXPECT_EQ(juliet.last_ack(), a(0));
  may_go_on.set_value();
  EXPECT_TRUE(juliet.gets(a(2)));
  EXPECT_TRUE(phone.gets("<request xmlns='urn:rookery:strangers:0' jid='" + juliet.account + "'"));
  EXPECT_EQ(phone.count("<request"), 1u);
  EXPECT_THAT(phone.bodies(), testing::Not(testing::Contains("one")));
  crash();
  Client again = bind(romeo, "phone");
  again.go_online();
  again.message(juliet.account, "who is it?");
  EXPECT_TRUE(again.gets("<body>two"));
}

// REQ 19
TEST_F(HeldStrangers, WhatWasReleasedIsGivenAgainUntilASessionHasAcknowledgedIt) {
  Client phone = bind(romeo, "phone");
  phone.enable(false);
  phone.go_online();
  juliet.message(romeo, "one");
  juliet.message(romeo, "two");
  ASSERT_TRUE(phone.gets("<request"));
  phone.message(juliet.account, "who is it?");
  ASSERT_TRUE(phone.gets("<body>two"));
  phone.cut();
  Client tablet = bind(romeo, "tablet");
  tablet.enable(false);
  tablet.go_online();
  ASSERT_TRUE(tablet.gets("<body>two")) << "the phone has not acknowledged it";
  juliet.message(romeo, "three");
  ASSERT_TRUE(tablet.gets("<body>three")) << "she is no stranger any more";
  crash();
  Client laptop = bind(romeo, "laptop");
  laptop.enable(false);
  laptop.go_online();
  ASSERT_TRUE(laptop.gets("<body>two")) << "nor has the tablet";
  ASSERT_TRUE(laptop.gets("<body>three"));
  EXPECT_EQ(laptop.count("<body>three"), 1u);
  laptop.acknowledge(4);  // its presence, and the messages in any order
  let_loops_run();
  crash();
  Client last = bind(romeo, "last");
  last.go_online();
  juliet.message(romeo, "four");
  ASSERT_TRUE(last.gets("<body>four"));
  EXPECT_EQ(last.count("<body>two"), 0u);
}

}  // namespace
}  // namespace rookery::server
