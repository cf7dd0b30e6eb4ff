// The server's current TLS settings; replaced as a whole when certificates are reloaded, connections keep what they
// have.
#pragma once

#include <mutex>

#include "crypto/tls_context.h"
#include "server/config.h"

namespace rookery::server {

class TlsHolder {
 public:
  /// At the first time makes a self-signed certificate when there is none (and says so); then loads it. After a failure
  /// everything is as it was before.
  Status load(const Config& config);
  SSL_CTX* starttls();  ///< with a reference for the caller's SSL_new only
  SSL_CTX* direct();    ///< with ALPN xmpp-client (XEP-0368)
  SSL_CTX* https();     ///< with ALPN http/1.1
  /// For other servers that come to us, whose certificates are asked for; `direct`: with ALPN xmpp-server (XEP-0368).
  SSL_CTX* from_servers(bool direct);
  /// For our connections to other servers: a bad certificate of theirs does not end the handshake,
  /// crypto::verified_peer() tells.
  crypto::TlsContext to_servers(bool direct);

 private:
  enum Use : size_t {
    starttls_use,
    direct_use,
    https_use,
    from_servers_use,
    from_servers_direct_use,
    to_servers_use,
    to_servers_direct_use
  };
  bool has_loaded();
  crypto::TlsContext current(size_t use);
  std::mutex mutex_;
  std::vector<crypto::TlsContext> current_;  ///< by Use
  std::vector<crypto::TlsContext> former_;   ///< kept: another loop may be about to use the pointer
};

}  // namespace rookery::server
