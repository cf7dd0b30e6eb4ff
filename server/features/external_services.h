// XEP-0215: the credentials of TURN servers that share a secret with us.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rookery::server {

struct TurnCredentials {
  std::string username, password;
};
/// As coturn's use-auth-secret checks them: username "EXPIRY:NAME" (seconds since 1970), password the base64 of its
/// HMAC-SHA1.
TurnCredentials turn_credentials(std::string_view secret, std::string_view name, int64_t expires);

}  // namespace rookery::server
