#include "crypto/sha256.h"

#include "crypto/result.h"

namespace rookery::crypto {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  ensure(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256::update(std::string_view piece) {
  ensure(EVP_DigestUpdate(context_.get(), piece.data(), piece.size()) == 1);
}

std::string Sha256::finish() {
  std::string digest(32, '\0');
  ensure(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1);
  return digest;
}

}  // namespace rookery::crypto
