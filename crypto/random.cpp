#include "crypto/random.h"

#include <openssl/rand.h>

#include <stdexcept>

#include "crypto/hash.h"

namespace rookery::crypto {

std::string random_bytes(size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    throw std::runtime_error("the system has no randomness");
  }
  return bytes;
}

std::string random_token(size_t entropy_bytes) {
  ensure(entropy_bytes >= 16);
  std::string token = base64_encode(random_bytes(entropy_bytes));
  token.resize(token.find_last_not_of('=') + 1);
  // RFC 4648 §5: the URL-safe alphabet.
  for (char& c : token) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return token;
}

}  // namespace rookery::crypto
