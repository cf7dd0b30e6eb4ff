#include "crypto/scram.h"

#include "crypto/secret.h"

namespace rookery::crypto {

namespace {

constexpr size_t uuid_bytes = 36;

/// RFC 9562 §5.4, as text.
std::string uuid_of(std::string_view bytes) {
  std::string text = hex_encode(bytes.substr(0, 16));
  text[12] = '4';
  text[16] = "89ab"[static_cast<unsigned char>(bytes[8]) & 3];
  for (const size_t at : {8, 13, 18, 23}) text.insert(at, 1, '-');
  return text;
}

}  // namespace

std::string scram_salted_password(Hash hash, std::string_view password, std::string_view salt, uint32_t iterations) {
  return pbkdf2(hash, password, salt, iterations);
}

ScramKeys scram_keys_of_salted(Hash hash, std::string_view salted_password, std::string salt, uint32_t iterations) {
  std::string client_key = hmac(hash, salted_password, "Client Key");
  ScramKeys keys{.hash = hash,
                 .salt = std::move(salt),
                 .iterations = iterations,
                 .stored_key = digest(hash, client_key),
                 .server_key = hmac(hash, salted_password, "Server Key")};
  cleanse(client_key);
  return keys;
}

ScramKeys derive_scram_keys(Hash hash, std::string_view password, std::string salt, uint32_t iterations) {
  std::string salted = scram_salted_password(hash, password, salt, iterations);
  ScramKeys keys = scram_keys_of_salted(hash, salted, std::move(salt), iterations);
  cleanse(salted);
  return keys;
}

bool password_matches(const ScramKeys& keys, std::string_view password) {
  const ScramKeys derived = derive_scram_keys(keys.hash, password, keys.salt, keys.iterations);
  return equal_in_constant_time(derived.stored_key, keys.stored_key);
}

ScramKeys decoy_scram_keys(Hash hash, std::string_view server_secret, std::string_view name, uint32_t iterations,
                           size_t salt_bytes) {
  const auto derive = [&](std::string_view use) {
    return hmac(hash, server_secret, std::string(use) + '\0' + std::string(name));
  };
  std::string salt = derive("salt");
  while (salt.size() < salt_bytes) salt += derive("salt " + std::to_string(salt.size()));
  // A stored key that is no digest of a known client key: finding a proof for it means to invert the hash.
  return {.hash = hash,
          .salt = salt_bytes == uuid_bytes ? uuid_of(salt) : salt.substr(0, salt_bytes),
          .iterations = iterations,
          .stored_key = derive("stored key"),
          .server_key = derive("server key")};
}

}  // namespace rookery::crypto
