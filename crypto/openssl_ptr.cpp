#include "crypto/openssl_ptr.h"

#include <openssl/err.h>

namespace rookery::crypto {

std::string take_openssl_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason ? reason : "no reason given";
}

int no_passphrase(char*, int, int, void*) { return 0; }

}  // namespace rookery::crypto
