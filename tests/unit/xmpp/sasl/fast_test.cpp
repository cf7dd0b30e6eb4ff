#include "xmpp/sasl/fast.h"

#include <gtest/gtest.h>

#include "crypto/hash.h"

namespace rookery::xmpp {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view none = "HT-SHA-256-NONE", endp = "HT-SHA-256-ENDP", expr = "HT-SHA-256-EXPR";

class Fast : public testing::Test {
 protected:
  /// The proof that a client would send for the secret.
  static std::string proof(std::string_view secret, std::string_view binding = "") {
    return parse_hashed_token(hashed_token_message("juliet", secret, binding)).value().proof;
  }
  FastOutcome use(std::string_view secret, std::string_view mechanism = none, std::optional<uint64_t> count = {},
                  std::string_view binding = "") {
    const std::string shown = proof(secret, binding);
    return use_fast_token(slots, {.mechanism = mechanism, .proof = shown, .binding_data = binding, .count = count}, now,
                          policy);
  }
  std::string issue(std::string_view mechanism = none) {
    return issue_fast_token(slots, mechanism, now, policy).secret;
  }

  TimePoint now{std::chrono::seconds(1'700'000'000)};
  const FastPolicy policy{.lifetime = 21 * 24h, .rotate_after = 24h};
  FastSlots slots;
};

// draft-ietf-kitten-sasl-ht-00 §3: HMAC(token, "Initiator" || cb-data); the expected values come from
//   printf 'Initiator' | openssl dgst -sha256 -hmac secret
TEST_F(Fast, SpeaksTheMessagesOfTheDraft) {
  const std::string message = hashed_token_message("juliet", "secret", "");
  EXPECT_EQ(message.substr(0, 7), std::string("juliet\0", 7));
  EXPECT_EQ(crypto::hex_encode(message.substr(7)), "080d9fa917c6da67702df4ff5090d8693b5f8c838c832d6f3662b6822cc7a6b9");
  EXPECT_EQ(crypto::hex_encode(hashed_token_answer("secret", "binding")),
            "1ea8d51e06a6e8d8850df8720ca28c4a783a376e136708589895bb5d38b88d46");
}

TEST_F(Fast, RefusesMalformedMessages) {
  const std::string hash(32, 'x');
  EXPECT_TRUE(parse_hashed_token(std::string("juliet\0", 7) + hash));
  EXPECT_FALSE(parse_hashed_token("juliet"));
  EXPECT_FALSE(parse_hashed_token(""));
  EXPECT_FALSE(parse_hashed_token(std::string("\0", 1) + hash));
  EXPECT_FALSE(parse_hashed_token(std::string("juliet\0", 7) + hash.substr(1)));
  EXPECT_FALSE(parse_hashed_token(std::string("juliet\0", 7) + hash + "x"));
}

TEST_F(Fast, OffersOnlyWhatTheConnectionCanBind) {
  EXPECT_EQ(fast_mechanisms({}), std::vector<std::string_view>{none});
  EXPECT_EQ(fast_mechanisms({.tls_exporter = "e", .tls_server_end_point = "p"}),
            (std::vector<std::string_view>{expr, endp, none}));
  EXPECT_EQ(fast_binding_data(expr, {}), nullptr);
  EXPECT_EQ(fast_binding_data("HT-SHA-512-NONE", {}), nullptr);
  EXPECT_EQ(*fast_binding_data(endp, {.tls_exporter = "e", .tls_server_end_point = "p"}), "p");
}

// REQ 12: tokens have at least 128 bits.
TEST_F(Fast, IssuesTokensThatNobodyGuesses) {
  const std::string first = issue(), second = issue();
  EXPECT_NE(first, second);
  EXPECT_GE(first.size(), 22u);  // 128 bits in base64
}

TEST_F(Fast, AcceptsATokenAndProvesThatItKnowsItToo) {
  const std::string secret = issue();
  const FastOutcome outcome = use(secret);
  EXPECT_EQ(outcome.verdict, FastVerdict::accepted);
  EXPECT_EQ(outcome.answer, hashed_token_answer(secret, ""));
  EXPECT_FALSE(outcome.is_due_for_rotation);
  EXPECT_TRUE(slots.current);
  EXPECT_FALSE(slots.fresh);
  EXPECT_EQ(use(secret).verdict, FastVerdict::accepted);  // it is good until it expires
}

TEST_F(Fast, RefusesAWrongTokenAndAnyWithoutSlots) {
  EXPECT_EQ(use("guess").verdict, FastVerdict::refused);
  issue();
  EXPECT_EQ(use("guess").verdict, FastVerdict::refused);
  EXPECT_EQ(use("").verdict, FastVerdict::refused);
}

// XEP-0484 §3.4: a token asked for a mechanism with channel binding is worth nothing without.
TEST_F(Fast, RefusesATokenWithAnotherMechanism) {
  const std::string secret = issue(expr);
  EXPECT_EQ(use(secret, none).verdict, FastVerdict::refused);
  EXPECT_EQ(use(secret, endp, {}, "data").verdict, FastVerdict::refused);
  EXPECT_EQ(use(secret, expr, {}, "data").verdict, FastVerdict::accepted);
}

TEST_F(Fast, RefusesAProofThatWasMadeForAnotherConnection) {
  const std::string secret = issue(expr);
  const std::string shown = proof(secret, "their connection");
  const FastAttempt attempt{.mechanism = expr, .proof = shown, .binding_data = "our connection", .count = {}};
  EXPECT_EQ(use_fast_token(slots, attempt, now, policy).verdict, FastVerdict::refused);
}

// REQ 13: rotation. XEP-0484 §3.5: the old token stays good until the new one is used, and not a moment longer.
TEST_F(Fast, KeepsTheOldTokenUntilTheNewOneIsUsed) {
  const std::string first = issue();
  use(first);
  now += 25h;
  EXPECT_TRUE(use(first).is_due_for_rotation);
  const std::string second = issue();
  EXPECT_EQ(use(first).verdict, FastVerdict::accepted);
  EXPECT_EQ(use(second).verdict, FastVerdict::accepted);
  EXPECT_EQ(use(first).verdict, FastVerdict::refused);
}

// XEP-0484 §3.5: providing a new token invalidates those before it that were never used.
TEST_F(Fast, ForgetsATokenThatWasNeverUsedWhenItIssuesTheNext) {
  const std::string lost = issue();
  const std::string next = issue();
  EXPECT_EQ(use(lost).verdict, FastVerdict::refused);
  EXPECT_EQ(use(next).verdict, FastVerdict::accepted);
}

// REQ 13: expiry.
TEST_F(Fast, TellsAnExpiredTokenFromAWrongOne) {
  const std::string secret = issue();
  now += policy.lifetime;
  EXPECT_EQ(use(secret).verdict, FastVerdict::expired);
  EXPECT_EQ(use("guess").verdict, FastVerdict::refused);
}

// REQ 13: XEP-0484 §3.4, a count that was seen is a replay.
TEST_F(Fast, RefusesAReplayedCount) {
  const std::string secret = issue();
  EXPECT_EQ(use(secret, none, 3).verdict, FastVerdict::accepted);
  EXPECT_EQ(use(secret, none, 3).verdict, FastVerdict::refused);
  EXPECT_EQ(use(secret, none, 2).verdict, FastVerdict::refused);
  EXPECT_EQ(use(secret, none).verdict, FastVerdict::refused);
  EXPECT_EQ(use(secret, none, 4).verdict, FastVerdict::accepted);
  const std::string next = issue();
  EXPECT_EQ(use(next, none, 1).verdict, FastVerdict::accepted);  // a new token counts anew
}

TEST_F(Fast, RemembersNothingOfARefusedAttempt) {
  const std::string secret = issue();
  const FastSlots before = slots;
  use("guess", none, 99);
  use(secret, endp, 99);
  EXPECT_EQ(slots, before);
}

}  // namespace

}  // namespace rookery::xmpp
