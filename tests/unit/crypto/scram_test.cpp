#include "crypto/scram.h"

#include <gtest/gtest.h>

#include <concepts>

#include "crypto/secret.h"

using namespace rookery;
using namespace rookery::crypto;

namespace {

struct Example {
  Hash hash;
  const char* salt;
  const char* auth_message;
  const char* client_proof;
  const char* server_signature;
};

// RFC 5802 §5 and RFC 7677 §3: user "user", password "pencil".
const Example examples[] = {
    {Hash::sha1, "QSXCR+Q6sek8bf92",
     "n=user,r=fyko+d2lbbFgONRv9qkxdawL,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,"
     "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
     "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    {Hash::sha256, "W22ZaJ0SNY7soEsUEjb6gQ==",
     "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
     "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
     "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="}};

}  // namespace

TEST(Scram, DerivesKeysThatFitTheExamplesOfTheRfcs) {
  for (const Example& example : examples) {
    const ScramKeys keys = derive_scram_keys(example.hash, "pencil", base64_decode(example.salt).value(), 4096);
    EXPECT_EQ(base64_encode(hmac(example.hash, keys.server_key, example.auth_message)), example.server_signature);
    std::string client_key = base64_decode(example.client_proof).value();
    const std::string signature = hmac(example.hash, keys.stored_key, example.auth_message);
    ASSERT_EQ(client_key.size(), signature.size());
    for (size_t i = 0; i < signature.size(); ++i) client_key[i] ^= signature[i];
    EXPECT_EQ(digest(example.hash, client_key), keys.stored_key);
  }
}

TEST(Scram, TellsTheRightPasswordFromOthers) {
  const ScramKeys keys = derive_scram_keys(Hash::sha512, "pencil", "0123456789abcdef", 4096);
  EXPECT_TRUE(password_matches(keys, "pencil"));
  EXPECT_FALSE(password_matches(keys, "Pencil"));
  EXPECT_FALSE(password_matches(keys, ""));
}

TEST(Scram, GivesADecoyTheSameSaltEachTimeAndAnotherPerNameAndServer) {
  const ScramKeys decoy = decoy_scram_keys(Hash::sha1, "server secret", "nobody", 10'000);
  EXPECT_EQ(decoy.salt, decoy_scram_keys(Hash::sha1, "server secret", "nobody", 10'000).salt);
  EXPECT_NE(decoy.salt, decoy_scram_keys(Hash::sha1, "server secret", "nobody2", 10'000).salt);
  EXPECT_NE(decoy.salt, decoy_scram_keys(Hash::sha1, "another secret", "nobody", 10'000).salt);
  EXPECT_NE(decoy.salt, decoy_scram_keys(Hash::sha256, "server secret", "nobody", 10'000).salt);
  EXPECT_EQ(decoy.salt.size(), scram_salt_size);
  EXPECT_EQ(decoy.iterations, 10'000u);
  EXPECT_EQ(decoy.stored_key.size(), digest_size(Hash::sha1));
  EXPECT_FALSE(password_matches(decoy, ""));
}

// REQ 11: accounts that came from another server have salts of other sizes; Prosody's are UUIDs.
TEST(Scram, GivesADecoyASaltThatLooksAsWanted) {
  const auto salt = [](size_t bytes) {
    return decoy_scram_keys(Hash::sha1, "server secret", "nobody", 4096, bytes).salt;
  };
  EXPECT_EQ(salt(12), salt(16).substr(0, 12));
  EXPECT_EQ(salt(64).size(), 64u);
  EXPECT_NE(salt(64).substr(20, 20), salt(64).substr(40, 20));
  const std::string uuid = salt(36);
  ASSERT_EQ(uuid.size(), 36u);
  for (size_t i = 0; i < uuid.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    EXPECT_EQ(uuid[i] == '-', is_dash) << uuid;
    EXPECT_NE(std::string_view("-0123456789abcdef").find(uuid[i]), std::string_view::npos) << uuid;
  }
  EXPECT_EQ(uuid[14], '4') << uuid;
}

// REQ 12: there is no way to compare but the one in constant time.
static_assert(!std::equality_comparable<Secret>);
TEST(Secret, MatchesOnlyItsOwnValue) {
  const Secret secret(std::string("s3cret"));
  EXPECT_TRUE(secret.matches("s3cret"));
  EXPECT_FALSE(secret.matches("s3creT"));
  EXPECT_FALSE(secret.matches("s3cre"));
  EXPECT_FALSE(Secret().matches(""));
}

TEST(Secret, LeavesNothingBehindWhenItMoves) {
  std::string source = "short";
  Secret first(std::move(source));
  EXPECT_EQ(std::string_view(source.data(), 5), std::string_view("\0\0\0\0\0", 5));
  Secret second = std::move(first);
  EXPECT_TRUE(first.empty());
  EXPECT_EQ(second.reveal(), "short");
  first = second.duplicate();
  EXPECT_TRUE(first.matches(second.reveal()));
}
