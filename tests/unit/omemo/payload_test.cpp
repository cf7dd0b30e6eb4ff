#include "crypto/omemo/payload.h"

#include <gtest/gtest.h>

#include "crypto/hash.h"

namespace rookery::crypto::omemo {
namespace {

// The expected values were computed with Python's cryptography and xeddsa packages.
constexpr std::string_view plaintext = "Wherefore art thou?";

std::string counting(char first, size_t size) {
  std::string result(size, '\0');
  for (char& byte : result) byte = first++;
  return result;
}

std::string unhex(std::string_view hex) {
  std::string raw;
  for (size_t at = 0; at < hex.size(); at += 2)
    raw += static_cast<char>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16));
  return raw;
}

TEST(OmemoPayload, OfVersion2IsDerivedEncryptedAndAuthenticatedAsTheSpecificationSays) {
  const auto sealed = seal_payload(Version::v2, plaintext, counting(0, 32), {});
  EXPECT_EQ(hex_encode(sealed.ciphertext), "2f454bbde054f321af0c01a340c76c9ca796d816091cf1325bfe83d392b40d9c");
  EXPECT_EQ(sealed.key_material, counting(0, 32) + unhex("c00cd8945625436a6a7900e32f1b0181"));
  EXPECT_EQ(sealed.iv, "");
}

TEST(OmemoPayload, OfTheLegacyVersionIsAes128GcmWithTheTagBehindTheKey) {
  const auto sealed = seal_payload(Version::legacy, plaintext, counting(0, 16), counting(100, 12));
  EXPECT_EQ(hex_encode(sealed.ciphertext), "4d0a2bd7be64d788fe1e3662f2ea5f845ffd47");
  EXPECT_EQ(sealed.key_material, counting(0, 16) + unhex("0d59c6f811253d317ec72540352f3652"));
  EXPECT_EQ(sealed.iv, counting(100, 12));
}

TEST(OmemoPayload, AcceptsTheSixteenByteIvOfOldClients) {
  const SealedPayload sealed{unhex("759e7f93d1a3fa2002088a7847b07aa97bb232"), counting(100, 16),
                             counting(0, 16) + unhex("ee13edccec4210da8f4c62c406ce24e8")};
  EXPECT_EQ(open_payload(Version::legacy, sealed).value(), plaintext);
}

TEST(OmemoPayload, AcceptsTheTagAtTheEndOfTheCiphertextOfVeryOldClients) {
  const SealedPayload sealed{unhex("4d0a2bd7be64d788fe1e3662f2ea5f845ffd470d59c6f811253d317ec72540352f3652"),
                             counting(100, 12), counting(0, 16)};
  EXPECT_EQ(open_payload(Version::legacy, sealed).value(), plaintext);
}

TEST(OmemoPayload, UsesAFreshKeyEachTime) {
  for (const Version version : {Version::legacy, Version::v2}) {
    EXPECT_NE(seal_payload(version, plaintext).key_material, seal_payload(version, plaintext).key_material);
  }
}

TEST(OmemoPayload, RefusesEveryChangedByteAndEveryTruncation) {
  for (const Version version : {Version::legacy, Version::v2}) {
    const auto sealed = seal_payload(version, plaintext);
    ASSERT_EQ(open_payload(version, sealed).value(), plaintext);
    for (std::string SealedPayload::* part :
         {&SealedPayload::ciphertext, &SealedPayload::key_material, &SealedPayload::iv}) {
      for (size_t at = 0; at < (sealed.*part).size(); ++at) {
        auto changed = sealed;
        (changed.*part)[at] ^= 1;
        EXPECT_FALSE(open_payload(version, changed).has_value());
        auto cut = sealed;
        (cut.*part).resize(at);
        EXPECT_FALSE(open_payload(version, cut).has_value());
      }
    }
  }
}

TEST(OmemoPayload, MayBeEmptyText) {
  for (const Version version : {Version::legacy, Version::v2}) {
    EXPECT_EQ(open_payload(version, seal_payload(version, "")).value(), "");
  }
}

TEST(OmemoIdentityKey, TurnsAnEd25519KeyIntoItsCurveForm) {
  const auto key =
      IdentityKey::from_wire(Version::v2, unhex("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"));
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(hex_encode(key->curve()), "4701d08488451f545a409fb58ae3e58581ca40ac3f7f114698cd71deac73ca01");
}

TEST(OmemoIdentityKey, ShowsTheSameFingerprintForBothWireForms) {
  const auto v2 =
      IdentityKey::from_wire(Version::v2, unhex("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"));
  const auto legacy = IdentityKey::from_wire(
      Version::legacy, unhex("054701d08488451f545a409fb58ae3e58581ca40ac3f7f114698cd71deac73ca01"));
  ASSERT_TRUE(v2 && legacy);
  EXPECT_EQ(v2->fingerprint(), "4701d084 88451f54 5a409fb5 8ae3e585 81ca40ac 3f7f1146 98cd71de ac73ca01");
  EXPECT_EQ(*v2, *legacy);
}

TEST(OmemoIdentityKey, RefusesOtherSizesAndTypes) {
  EXPECT_FALSE(IdentityKey::from_wire(Version::v2, std::string(33, '\x05')));
  EXPECT_FALSE(IdentityKey::from_wire(Version::v2, ""));
  EXPECT_FALSE(IdentityKey::from_wire(Version::legacy, std::string(32, '\x05')));
  EXPECT_FALSE(IdentityKey::from_wire(Version::legacy, std::string(33, '\x04')));
}

}  // namespace
}  // namespace rookery::crypto::omemo
