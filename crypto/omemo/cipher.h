// libomemo-c's session cipher, set to a version.
#pragma once

#include <omemo/session_cipher.h>

#include "crypto/omemo/operation.h"

namespace rookery::crypto::omemo {

struct FreeCipher {
  void operator()(session_cipher* cipher) const { session_cipher_free(cipher); }
};
using Cipher = std::unique_ptr<session_cipher, FreeCipher>;

/// `address` must outlive the cipher.
inline Cipher make_cipher(Operation& operation, const signal_protocol_address& address) {
  Cipher cipher;
  ensure(session_cipher_create(into(cipher), operation.store_context(), &address, operation.context()) == SG_SUCCESS);
  session_cipher_set_version(cipher.get(), static_cast<uint32_t>(operation.version()));
  return cipher;
}

}  // namespace rookery::crypto::omemo
