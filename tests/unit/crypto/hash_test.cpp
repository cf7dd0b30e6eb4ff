#include "crypto/hash.h"

#include <gtest/gtest.h>

#include "crypto/random.h"
#include "tests/unit/crypto/hex.h"

using namespace rookery;
using namespace rookery::crypto;

TEST(Digest, KnowsTheAnswersOfFips180) {
  EXPECT_EQ(hex_encode(digest(Hash::sha1, "abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex_encode(digest(Hash::sha256, "abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_encode(digest(Hash::sha512, "abc")),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(hex_encode(digest(Hash::sha1, "")), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST(Digest, HasTheSizeOfItsHash) {
  for (const Hash hash : {Hash::sha1, Hash::sha256, Hash::sha512}) {
    EXPECT_EQ(digest(hash, "x").size(), digest_size(hash));
  }
}

TEST(Hmac, KnowsTheAnswersOfRfc2202AndRfc4231) {
  const char* question = "what do ya want for nothing?";
  EXPECT_EQ(hex_encode(hmac(Hash::sha1, "Jefe", question)), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  EXPECT_EQ(hex_encode(hmac(Hash::sha256, "Jefe", question)),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex_encode(hmac(Hash::sha512, "Jefe", question)),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
}

TEST(Hmac, HashesAKeyThatIsLongerThanABlock) {
  const std::string key(131, '\xaa');
  const char* text = "Test Using Larger Than Block-Size Key - Hash Key First";
  EXPECT_EQ(hex_encode(hmac(Hash::sha256, key, text)),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(hex_encode(hmac(Hash::sha512, key, text)),
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
            "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598");
}

TEST(Pbkdf2, KnowsTheAnswersOfRfc6070AndItsSha2Kin) {
  EXPECT_EQ(hex_encode(pbkdf2(Hash::sha1, "password", "salt", 1)), "0c60c80f961f0e71f3a9b524af6012062fe037a6");
  EXPECT_EQ(hex_encode(pbkdf2(Hash::sha1, "password", "salt", 4096)), "4b007901b765489abead49d926f721d065a429c1");
  EXPECT_EQ(hex_encode(pbkdf2(Hash::sha256, "password", "salt", 1)),
            "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b");
  EXPECT_EQ(hex_encode(pbkdf2(Hash::sha256, "password", "salt", 4096)),
            "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a");
  EXPECT_EQ(hex_encode(pbkdf2(Hash::sha512, "password", "salt", 4096)),
            "d197b1b33db0143e018b12f3d1d1479e6cdebdcc97c5c0f87f6902e072f457b5"
            "143f30602641b3d55cd335988cb36b84376060ecd532e039b742a239434af2d5");
}

TEST(Base64, EncodesTheExamplesOfRfc4648) {
  const std::pair<const char*, const char*> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"},
                                                          {"\xfb\xff", "+/8="}};
  for (const auto& [raw, text] : examples) {
    EXPECT_EQ(base64_encode(raw), text);
    EXPECT_EQ(base64_decode(text).value(), raw);
  }
}

TEST(Base64, RoundsTripForEveryByte) {
  std::string raw;
  for (int i = 0; i < 256; ++i) raw += static_cast<char>(i);
  EXPECT_EQ(base64_decode(base64_encode(raw)).value(), raw);
}

TEST(Base64, RefusesWhatIsNotCanonical) {
  for (const char* text :
       {"Zg=", "Zg", "Z===", "====", "Zg==Zg==", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "Zm-_", "=Zm9", "Zm=9"}) {
    const auto raw = base64_decode(text);
    ASSERT_FALSE(raw) << text;
    EXPECT_EQ(raw.error().failure, Failure::invalid);
  }
}

// REQ 12
TEST(ConstantTime, ComparesContentAndSize) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
}

TEST(Random, YieldsUrlSafeTokensThatDiffer) {
  const std::string token = random_token();
  EXPECT_EQ(token.size(), 22u);
  EXPECT_EQ(token.find_first_of("+/="), std::string::npos);
  EXPECT_NE(token, random_token());
  EXPECT_EQ(random_bytes(33).size(), 33u);
}

// REQ 12: tokens of 128 bits at least
TEST(Random, RefusesTokensThatCouldBeGuessed) { EXPECT_THROW(random_token(8), std::logic_error); }
