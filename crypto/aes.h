// AES as the client database and OMEMO use it, and HKDF.
#pragma once

#include <string>
#include <string_view>

#include "crypto/hash.h"
#include "crypto/result.h"

namespace rookery::crypto {

inline constexpr size_t aes_gcm_nonce_size = 12;
inline constexpr size_t aes_gcm_tag_size = 16;

/// What GCM makes: legacy OMEMO sends the tag apart from the ciphertext.
struct Sealed {
  std::string ciphertext;  ///< as long as the plaintext
  std::string tag;         ///< 16 bytes
};

/// AES-128-GCM or AES-256-GCM by the size of `key` (16 or 32 bytes). A nonce is used once with a key.
Sealed aes_gcm_seal(std::string_view key, std::string_view nonce, std::string_view plaintext,
                    std::string_view additional = {});
/// Failure::invalid for a key or nonce of an impossible size, Failure::denied if anything was changed. Nonces of up to
/// 16 bytes are taken: old OMEMO clients send those.
Result<std::string> aes_gcm_open(std::string_view key, std::string_view nonce, const Sealed& sealed,
                                 std::string_view additional = {});

/// One string for storage: a fresh random nonce, the ciphertext, the tag (28 bytes more than the plaintext).
std::string aes_gcm_seal_packed(std::string_view key, std::string_view plaintext, std::string_view additional = {});
Result<std::string> aes_gcm_open_packed(std::string_view key, std::string_view packed,
                                        std::string_view additional = {});

/// AES-CBC with PKCS #7 padding (key 16 or 32 bytes, iv 16). It proves nothing about the text's origin: check a MAC
/// first.
Result<std::string> aes_cbc_encrypt(std::string_view key, std::string_view iv, std::string_view plaintext);
Result<std::string> aes_cbc_decrypt(std::string_view key, std::string_view iv, std::string_view ciphertext);

/// RFC 5869 with SHA-256; an empty salt means 32 zero bytes. `size` is at most 8160.
std::string hkdf_sha256(std::string_view input_key, std::string_view salt, std::string_view info, size_t size);

}  // namespace rookery::crypto
