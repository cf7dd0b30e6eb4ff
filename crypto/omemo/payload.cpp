#include "crypto/omemo/payload.h"

#include <algorithm>

#include "crypto/aes.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace rookery::crypto::omemo {
namespace {

constexpr size_t legacy_key_size = 16;
constexpr size_t v2_key_size = 32;
constexpr size_t v2_hmac_size = 16;

struct Derived {
  std::string encryption_key;
  std::string authentication_key;
  std::string iv;
};

Derived derive(std::string_view key) {
  const std::string material = hkdf_sha256(key, std::string(32, '\0'), "OMEMO Payload", 80);
  return {material.substr(0, 32), material.substr(32, 32), material.substr(64)};
}

std::string authenticate(const Derived& keys, std::string_view ciphertext) {
  return hmac(Hash::sha256, keys.authentication_key, ciphertext).substr(0, v2_hmac_size);
}

Result<std::string> open_legacy(const SealedPayload& sealed) {
  const std::string_view material = sealed.key_material;
  std::string_view ciphertext = sealed.ciphertext;
  std::string tag(material.substr(std::min(material.size(), legacy_key_size)));
  if (material.size() < legacy_key_size) return fail(Failure::denied, "OMEMO key material is too short");
  // Before 2018 the tag stood at the end of the payload and the ratchet carried the key alone.
  if (tag.empty() && ciphertext.size() >= aes_gcm_tag_size) {
    tag = ciphertext.substr(ciphertext.size() - aes_gcm_tag_size);
    ciphertext.remove_suffix(aes_gcm_tag_size);
  }
  if (tag.size() != aes_gcm_tag_size) return fail(Failure::denied, "OMEMO authentication tag has a wrong size");
  if (sealed.iv.size() != 12 && sealed.iv.size() != 16) return fail(Failure::denied, "OMEMO IV has a wrong size");
  return aes_gcm_open(material.substr(0, legacy_key_size), sealed.iv, {std::string(ciphertext), tag});
}

}  // namespace

SealedPayload seal_payload(Version version, std::string_view plaintext) {
  if (version == Version::v2) return seal_payload(version, plaintext, random_bytes(v2_key_size), {});
  return seal_payload(version, plaintext, random_bytes(legacy_key_size), random_bytes(aes_gcm_nonce_size));
}

SealedPayload seal_payload(Version version, std::string_view plaintext, std::string key, std::string iv) {
  if (version == Version::legacy) {
    Sealed sealed = aes_gcm_seal(key, iv, plaintext);
    return {std::move(sealed.ciphertext), std::move(iv), std::move(key) + sealed.tag};
  }
  const Derived keys = derive(key);
  auto ciphertext = aes_cbc_encrypt(keys.encryption_key, keys.iv, plaintext);
  ensure(ciphertext.has_value());
  const std::string tag = authenticate(keys, *ciphertext);
  return {std::move(*ciphertext), {}, std::move(key) + tag};
}

Result<std::string> open_payload(Version version, const SealedPayload& sealed) {
  if (version == Version::legacy) return open_legacy(sealed);
  const std::string_view material = sealed.key_material;
  if (material.size() != v2_key_size + v2_hmac_size)
    return fail(Failure::denied, "OMEMO key material has a wrong size");
  const Derived keys = derive(material.substr(0, v2_key_size));
  if (!equal_in_constant_time(authenticate(keys, sealed.ciphertext), material.substr(v2_key_size))) {
    return fail(Failure::denied, "OMEMO payload was changed");
  }
  return aes_cbc_decrypt(keys.encryption_key, keys.iv, sealed.ciphertext);
}

SealedPayload empty_payload(Version version) {
  if (version == Version::legacy) return seal_payload(version, {});
  return {{}, {}, std::string(v2_key_size, '\0')};
}

}  // namespace rookery::crypto::omemo
