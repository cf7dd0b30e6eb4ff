// The part of an OMEMO message that all recipients share: its encryption and the key material that the ratchets carry.
#pragma once

#include <string>
#include <string_view>

#include "crypto/omemo/omemo.h"

namespace rookery::crypto::omemo {

struct SealedPayload {
  std::string ciphertext;
  std::string iv;            ///< legacy only
  std::string key_material;  ///< secret; legacy key || tag (32 bytes), v2 key || hmac (48 bytes)
};

/// Legacy: AES-128-GCM. v2: XEP-0384 §4.4, HKDF-SHA-256, AES-256-CBC and a truncated HMAC-SHA-256.
SealedPayload seal_payload(Version version, std::string_view plaintext);
/// The same with a given key (16 or 32 bytes) and, for legacy, IV: for known answers.
SealedPayload seal_payload(Version version, std::string_view plaintext, std::string key, std::string iv);
/// Failure::denied when the ciphertext or the key material is not what the sender made.
Result<std::string> open_payload(Version version, const SealedPayload& sealed);
/// What an empty message carries instead of a key (v2: 32 zero bytes, XEP-0384 §5.5.3; legacy: a key for no payload).
SealedPayload empty_payload(Version version);

}  // namespace rookery::crypto::omemo
