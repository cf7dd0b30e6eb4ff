// SHA-256 of what comes in pieces; crypto/hash.h has it for what is there as a whole.
#pragma once

#include <openssl/evp.h>

#include <string>
#include <string_view>

#include "crypto/openssl_ptr.h"

namespace rookery::crypto {

class Sha256 {
 public:
  Sha256();
  void update(std::string_view piece);
  /// The raw digest, once, after the last piece.
  std::string finish();

 private:
  OpensslPtr<EVP_MD_CTX, EVP_MD_CTX_free> context_;
};

}  // namespace rookery::crypto
