// Digests, HMAC, PBKDF2 and the text encodings that carry them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/result.h"

namespace rookery::crypto {

enum class Hash { sha1, sha256, sha512 };
size_t digest_size(Hash hash);

/// Raw bytes in, raw bytes out (20, 32 or 64 bytes by the hash).
std::string digest(Hash hash, std::string_view data);
std::string hmac(Hash hash, std::string_view key, std::string_view data);
/// RFC 8018 §5.2; the result has the hash's size.
std::string pbkdf2(Hash hash, std::string_view password, std::string_view salt, uint32_t iterations);

std::string base64_encode(std::string_view raw);
/// Strict RFC 4648 §4: no white space, canonical padding. Failure::invalid otherwise.
Result<std::string> base64_decode(std::string_view text);
std::string hex_encode(std::string_view raw);

/// Compares in time that depends on the sizes only (REQUIREMENTS 12).
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace rookery::crypto
