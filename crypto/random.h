// The one source of randomness (OpenSSL's CSPRNG).
#pragma once

#include <cstddef>
#include <string>

namespace rookery::crypto {

/// `count` random bytes. Throws std::runtime_error when the system has none: nothing may go on then.
std::string random_bytes(size_t count);
/// A token of `entropy_bytes` (at least 16, REQUIREMENTS 12) in URL-safe base64 without padding.
std::string random_token(size_t entropy_bytes = 16);

}  // namespace rookery::crypto
