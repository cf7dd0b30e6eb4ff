// TLS as Rookery speaks it (REQUIREMENTS 8, 9): 1.3, or 1.2 with ECDHE, AEAD and extended master secret.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/openssl_ptr.h"
#include "crypto/result.h"

namespace rookery::crypto {

void free_ssl(SSL* ssl);
using SslPtr = OpensslPtr<SSL, free_ssl>;

struct ServerTlsOptions {
  std::string certificate_file;  ///< PEM, leaf first; check_certificate() it before
  std::string key_file;
  /// In order of preference, e.g. {"xmpp-client"}. A client that offers only others is refused by an alert, one that
  /// offers none (STARTTLS) is taken.
  std::vector<std::string> alpn;
  /// Server to server: asks for the peer's certificate. A bad one does not end the handshake: see verified_peer().
  bool asks_for_certificate = false;
  std::string ca_file;  ///< trusted besides the system's authorities, for the peer's certificate
};

struct ClientTlsOptions {
  enum class Verify {
    required,  ///< the handshake fails unless the certificate is trusted and covers the domain
    recorded,  ///< server to server before dialback: goes on, verified_peer() tells
  };
  Verify verify = Verify::required;
  std::vector<std::string> alpn;   ///< offered; empty for STARTTLS
  std::string ca_file;             ///< trusted besides the system's authorities
  std::string pinned_fingerprint;  ///< SHA-256 hex: exactly this certificate is taken, whatever signed or names it
  std::string certificate_file;    ///< our own, for SASL EXTERNAL; may be empty
  std::string key_file;
};

/// Shared settings of many connections. Copies share one SSL_CTX; connections keep it alive, so a reloaded certificate
/// means a new TlsContext for new connections while the old ones go on. Usable from several threads.
///
/// Its connections use read-ahead: read until SSL_ERROR_WANT_READ before waiting for the socket, as a record may
/// already be here. SSL_write may be partial and may be repeated from a moved buffer. Buffers are freed while idle:
/// 13.9 KiB a connection remain with OpenSSL 3.0 (measured), 7.6 of them the SSL object itself.
class TlsContext {
 public:
  static Result<TlsContext> server(const ServerTlsOptions& options);
  static Result<TlsContext> client(const ClientTlsOptions& options);

  SslPtr accept() const;
  /// `domain` is the XMPP domain (A-labels), not the host that SRV named; it goes into SNI and is what the certificate
  /// has to cover. `service` is "xmpp-client" or "xmpp-server".
  SslPtr connect(std::string_view domain, std::string_view service) const;

  SSL_CTX* native() const { return context_.get(); }

 private:
  explicit TlsContext(std::shared_ptr<SSL_CTX> context) : context_(std::move(context)) {}
  std::shared_ptr<SSL_CTX> context_;
};

/// To be asked once after the handshake: Failure::denied for TLS 1.2 without extended master secret (RFC 7627).
Status acceptable(const SSL* ssl);

/// Is the peer's certificate trusted, and does it speak for this domain? For Verify::recorded and asks_for_certificate.
Status verified_peer(const SSL* ssl, std::string_view domain, std::string_view service);

/// Why the handshake failed, for the log: the verification's result if that was it, else OpenSSL's reason.
std::string handshake_failure(const SSL* ssl);

/// The protocol that ALPN agreed on, empty if none.
std::string_view agreed_protocol(const SSL* ssl);

/// XEP-0515 §4.1: the version as four hexadecimal digits, "0304" for TLS 1.3.
std::string tls_version(const SSL* ssl);

/// Raw data, the same on both ends; empty where it does not exist. SASL's ChannelBindings has the same fields.
struct ChannelBindingData {
  std::string tls_exporter;          ///< RFC 9266: 32 bytes
  std::string tls_server_end_point;  ///< RFC 5929 §4: hash of the server's certificate
  std::string tls_unique;            ///< RFC 5929 §3: the first Finished; in TLS 1.3 as described at its maker
};
ChannelBindingData channel_bindings(SSL* ssl);

}  // namespace rookery::crypto
