// OpenSSL's way to the socket.
#pragma once

#include <openssl/types.h>

namespace rookery::server {

/// As BIO_s_socket, by send(2) and recv(2): OpenSSL's own uses write(2) and read(2), which go through the kernel's file
/// layer first. The socket stays the caller's. Null when memory is short.
BIO* make_socket_bio(int fd);

}  // namespace rookery::server
