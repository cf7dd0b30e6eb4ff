// OpenSSL's way to the socket.
#pragma once

#include <openssl/types.h>

#include <string>

namespace rookery::server {

/// A socket, and what is to be sent over it, as it goes over the wire.
struct Outlet {
  int fd = -1;
  std::string bytes;
};

/// Reads from the socket by recv(2): OpenSSL's own BIO uses read(2), which goes through the kernel's file layer first.
/// What OpenSSL writes is added to the outlet's bytes. The outlet stays the caller's. Null when memory is short.
BIO* make_socket_bio(Outlet& outlet);

}  // namespace rookery::server
