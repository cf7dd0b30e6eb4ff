#include "crypto/aes.h"

#include <gtest/gtest.h>

#include "tests/unit/crypto/hex.h"

using namespace rookery;
using namespace rookery::crypto;
using rookery::test::from_hex;

namespace {

// Test cases 4 and 16 of "The Galois/Counter Mode of Operation", which NIST's GCM specification took over.
const std::string short_key = from_hex("feffe9928665731c6d6a8f9467308308");
const std::string long_key = short_key + short_key;
const std::string nonce = from_hex("cafebabefacedbaddecaf888");
const std::string additional = from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
const std::string plaintext = from_hex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");

}  // namespace

TEST(AesGcm, KnowsTheAnswersOfNist) {
  const Sealed small = aes_gcm_seal(short_key, nonce, plaintext, additional);
  EXPECT_EQ(hex_encode(small.ciphertext),
            "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
            "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091");
  EXPECT_EQ(hex_encode(small.tag), "5bc94fbc3221a5db94fae95ae7121a47");
  const Sealed large = aes_gcm_seal(long_key, nonce, plaintext, additional);
  EXPECT_EQ(hex_encode(large.ciphertext),
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662");
  EXPECT_EQ(hex_encode(large.tag), "76fc6ece0f4e1768cddf8853bb2d551b");
  EXPECT_EQ(aes_gcm_open(short_key, nonce, small, additional).value(), plaintext);
  EXPECT_EQ(aes_gcm_open(long_key, nonce, large, additional).value(), plaintext);
}

TEST(AesGcm, RefusesAnythingThatWasChanged) {
  const Sealed sealed = aes_gcm_seal(long_key, nonce, plaintext, additional);
  Sealed changed = sealed;
  changed.ciphertext[7] ^= 1;
  EXPECT_EQ(aes_gcm_open(long_key, nonce, changed, additional).error().failure, Failure::denied);
  changed = sealed;
  changed.tag[15] ^= 1;
  EXPECT_FALSE(aes_gcm_open(long_key, nonce, changed, additional));
  EXPECT_FALSE(aes_gcm_open(long_key, nonce, sealed, "other"));
  EXPECT_FALSE(aes_gcm_open(long_key, std::string(12, 'x'), sealed, additional));
}

TEST(AesGcm, RefusesSizesThatCannotBe) {
  const Sealed sealed = aes_gcm_seal(short_key, nonce, "x");
  EXPECT_EQ(aes_gcm_open("short", nonce, sealed).error().failure, Failure::invalid);
  EXPECT_EQ(aes_gcm_open(short_key, "", sealed).error().failure, Failure::invalid);
  EXPECT_EQ(aes_gcm_open(short_key, nonce, {sealed.ciphertext, sealed.tag.substr(0, 4)}).error().failure,
            Failure::invalid);
}

TEST(AesGcm, SealsTheEmptyText) {
  const Sealed sealed = aes_gcm_seal(from_hex("00000000000000000000000000000000"), std::string(12, '\0'), "");
  EXPECT_EQ(hex_encode(sealed.tag), "58e2fccefa7e3061367f1d57a4e7455a");
  EXPECT_EQ(aes_gcm_open(std::string(16, '\0'), std::string(12, '\0'), sealed).value(), "");
}

TEST(AesGcm, TakesTheSixteenByteNonceOfOldOmemoClients) {
  const std::string old_nonce(16, 'n');
  const Sealed sealed = aes_gcm_seal(short_key, old_nonce, "hello");
  EXPECT_EQ(aes_gcm_open(short_key, old_nonce, sealed).value(), "hello");
}

TEST(AesGcm, PacksANewNonceEachTime) {
  const std::string packed = aes_gcm_seal_packed(long_key, "value", "row 1");
  EXPECT_EQ(packed.size(), 5u + 28u);
  EXPECT_NE(packed, aes_gcm_seal_packed(long_key, "value", "row 1"));
  EXPECT_EQ(aes_gcm_open_packed(long_key, packed, "row 1").value(), "value");
  EXPECT_FALSE(aes_gcm_open_packed(long_key, packed, "row 2"));
  EXPECT_FALSE(aes_gcm_open_packed(long_key, packed.substr(0, 27), "row 1"));
}

TEST(AesCbc, KnowsTheAnswerOfSp80038a) {
  const std::string key = from_hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
  const std::string iv = from_hex("000102030405060708090a0b0c0d0e0f");
  const std::string text = from_hex("6bc1bee22e409f96e93d7e117393172a");
  const std::string ciphertext = aes_cbc_encrypt(key, iv, text).value();
  ASSERT_EQ(ciphertext.size(), 32u);
  EXPECT_EQ(hex_encode(ciphertext.substr(0, 16)), "f58c4c04d6e5f1ba779eabfb5f7bfbd6");
  EXPECT_EQ(aes_cbc_decrypt(key, iv, ciphertext).value(), text);
}

TEST(AesCbc, RefusesWrongPaddingAndSizes) {
  const std::string key(32, 'k');
  const std::string iv(16, 'i');
  const std::string ciphertext = aes_cbc_encrypt(key, iv, "text").value();
  EXPECT_FALSE(aes_cbc_decrypt(key, iv, ciphertext.substr(1)));
  EXPECT_FALSE(aes_cbc_decrypt(key, iv, ""));
  EXPECT_FALSE(aes_cbc_decrypt(key, "iv", ciphertext));
  EXPECT_FALSE(aes_cbc_encrypt("key", iv, "text"));
}

TEST(Hkdf, KnowsTheAnswersOfRfc5869) {
  const std::string input_key(22, '\x0b');
  EXPECT_EQ(
      hex_encode(hkdf_sha256(input_key, from_hex("000102030405060708090a0b0c"), from_hex("f0f1f2f3f4f5f6f7f8f9"), 42)),
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  EXPECT_EQ(hex_encode(hkdf_sha256(input_key, "", "", 42)),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}
