// What a server keeps of a password (RFC 5802 §3, RFC 7677): enough to check, not enough to log in elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/hash.h"

namespace rookery::crypto {

inline constexpr uint32_t scram_default_iterations = 100'000;
inline constexpr uint32_t scram_minimum_iterations = 4'096;
/// Real accounts use this size too: a salt of another size would tell a decoy.
inline constexpr size_t scram_salt_size = 16;

struct ScramKeys {
  Hash hash = Hash::sha256;
  std::string salt;  ///< raw bytes
  uint32_t iterations = scram_default_iterations;
  std::string stored_key;  ///< H(ClientKey), raw
  std::string server_key;  ///< raw
};

/// Derives the keys; `password` is already prepared with OpaqueString. Costs tens of milliseconds: not on an event
/// loop.
ScramKeys derive_scram_keys(Hash hash, std::string_view password, std::string salt, uint32_t iterations);
/// The same from a SaltedPassword that the client has derived (XEP-0480); cheap.
ScramKeys scram_keys_of_salted(Hash hash, std::string_view salted_password, std::string salt, uint32_t iterations);
/// RFC 5802 §3: SaltedPassword, for the client's side.
std::string scram_salted_password(Hash hash, std::string_view password, std::string_view salt, uint32_t iterations);
/// Does `password` belong to these keys? As costly as deriving them.
bool password_matches(const ScramKeys& keys, std::string_view password);
/// Keys for a name that has no account: the same name always yields the same salt (REQUIREMENTS 11), no proof fits. A
/// salt of 36 bytes looks like a UUID, as Prosody's do.
ScramKeys decoy_scram_keys(Hash hash, std::string_view server_secret, std::string_view name, uint32_t iterations,
                           size_t salt_bytes = scram_salt_size);

}  // namespace rookery::crypto
