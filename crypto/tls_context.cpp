#include "crypto/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "crypto/certificate.h"
#include "crypto/hash.h"

namespace rookery::crypto {
namespace {

/// What the callbacks need; owned by the SSL_CTX, since a handshake may outlive the TlsContext that began it.
struct Settings {
  std::string alpn;  // wire format: each name after a byte with its length
  std::string pinned_fingerprint;
  bool only_records = false;
};

/// Whom a connection is for; owned by the SSL.
struct Identity {
  std::string domain;
  std::string service;
};

template <typename T>
void free_data(void*, void* data, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<T*>(data);
}

int settings_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_data<Settings>);
  return index;
}

int identity_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_data<Identity>);
  return index;
}

std::string to_wire(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& name : protocols) {
    ensure(!name.empty() && name.size() < 256);
    wire += static_cast<char>(name.size());
    wire += name;
  }
  return wire;
}

const unsigned char* bytes(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }

int select_alpn(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                unsigned offered_size, void* data) {
  const auto& wire = static_cast<const Settings*>(data)->alpn;
  unsigned char* result = nullptr;
  const int outcome = SSL_select_next_proto(&result, chosen_size, bytes(wire), static_cast<unsigned>(wire.size()),
                                            offered, offered_size);
  // RFC 7301 §3.2: no protocol in common is fatal. This also stops cross-protocol attacks (ALPACA).
  if (outcome != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = result;
  return SSL_TLSEXT_ERR_OK;
}

int verify_certificate(X509_STORE_CTX* store, void* data) {
  const auto& settings = *static_cast<const Settings*>(data);
  const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const X509* leaf = X509_STORE_CTX_get0_cert(store);
  if (!settings.pinned_fingerprint.empty()) {
    const bool is_pinned = leaf && certificate_fingerprint(leaf) == settings.pinned_fingerprint;
    X509_STORE_CTX_set_error(store, is_pinned ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return is_pinned ? 1 : 0;
  }
  const bool is_trusted = X509_verify_cert(store) == 1;
  if (settings.only_records) return 1;
  if (!is_trusted) return 0;
  const auto* identity = static_cast<const Identity*>(SSL_get_ex_data(ssl, identity_index()));
  if (identity && certificate_covers(leaf, identity->domain, identity->service)) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
  return 0;
}

bool set_protocol(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
  // One recv() takes header and body of a record.
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 && SSL_CTX_set_num_tickets(context, 0) == 1 &&
         SSL_CTX_set_max_early_data(context, 0) == 1 &&
         SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
         SSL_CTX_set1_groups_list(context, "X25519:P-256") == 1;
}

Status use_own_certificate(SSL_CTX* context, const std::string& certificate_file, const std::string& key_file) {
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    return fail(Failure::invalid, "cannot use the certificate " + certificate_file + ": " + take_openssl_reason());
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return fail(Failure::invalid, "cannot use the key " + key_file + ": " + take_openssl_reason());
  }
  return {};
}

Status trust(SSL_CTX* context, const std::string& ca_file) {
  SSL_CTX_set_default_verify_paths(context);
  ERR_clear_error();
  if (ca_file.empty() || SSL_CTX_load_verify_file(context, ca_file.c_str()) == 1) return {};
  return fail(Failure::invalid, "cannot use the authorities in " + ca_file + ": " + take_openssl_reason());
}

Result<std::shared_ptr<SSL_CTX>> make_context(const SSL_METHOD* method, Settings settings) {
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(method), SSL_CTX_free);
  auto owned = std::make_unique<Settings>(std::move(settings));
  if (!context || !set_protocol(context.get()) ||
      SSL_CTX_set_ex_data(context.get(), settings_index(), owned.get()) != 1) {
    return fail(Failure::io, "cannot set up TLS: " + take_openssl_reason());
  }
  SSL_CTX_set_cert_verify_callback(context.get(), verify_certificate, owned.release());
  return context;
}

bool is_ip_address(std::string_view host) {
  return host.find(':') != std::string_view::npos || host.find_first_not_of("0123456789.") == std::string_view::npos;
}

const Settings& settings_of(SSL_CTX* context) {
  return *static_cast<Settings*>(SSL_CTX_get_ex_data(context, settings_index()));
}

std::string hash_of_server_certificate(const X509* certificate) {
  int hash = NID_undef;
  // RFC 5929 §4.1 has no answer for signatures without a hash of their own (Ed25519).
  if (!certificate || X509_get_signature_info(const_cast<X509*>(certificate), &hash, nullptr, nullptr, nullptr) != 1 ||
      hash == NID_undef) {
    return {};
  }
  if (hash == NID_md5 || hash == NID_sha1) hash = NID_sha256;
  const EVP_MD* algorithm = EVP_get_digestbynid(hash);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!algorithm || X509_digest(certificate, algorithm, digest, &size) != 1) return {};
  return std::string(reinterpret_cast<const char*>(digest), size);
}

/// RFC 5929 §3: the first Finished message, the client's in a full handshake and the server's in a resumed one. TLS 1.3
/// has no tls-unique by name (RFC 9266 §1), but clients that know no other binding (CPython's ssl, so slixmpp) go on to
/// take the Finished of the same side there. That binds no worse: it is a MAC over the whole transcript, keyed by this
/// handshake.
std::string unique_finished(const SSL* ssl) {
  std::string finished(EVP_MAX_MD_SIZE, '\0');
  const bool is_ours = SSL_is_server(ssl) == SSL_session_reused(ssl);
  const size_t length = is_ours ? SSL_get_finished(ssl, finished.data(), finished.size())
                                : SSL_get_peer_finished(ssl, finished.data(), finished.size());
  finished.resize(std::min(length, finished.size()));
  return finished;
}

}  // namespace

void free_ssl(SSL* ssl) { SSL_free(ssl); }

Result<TlsContext> TlsContext::server(const ServerTlsOptions& options) {
  auto context = make_context(TLS_server_method(), {.alpn = to_wire(options.alpn), .only_records = true});
  if (!context) return std::unexpected(context.error());
  SSL_CTX* raw = context->get();
  if (const Status status = use_own_certificate(raw, options.certificate_file, options.key_file); !status) {
    return std::unexpected(status.error());
  }
  if (!options.alpn.empty()) SSL_CTX_set_alpn_select_cb(raw, select_alpn, const_cast<Settings*>(&settings_of(raw)));
  if (options.asks_for_certificate) {
    if (const Status status = trust(raw, options.ca_file); !status) return std::unexpected(status.error());
    // Public authorities no longer sign for clientAuth, and XMPP servers show their server certificate in both roles.
    SSL_CTX_set_purpose(raw, X509_PURPOSE_SSL_SERVER);
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  }
  return TlsContext(std::move(*context));
}

Result<TlsContext> TlsContext::client(const ClientTlsOptions& options) {
  auto context =
      make_context(TLS_client_method(), {.alpn = to_wire(options.alpn),
                                         .pinned_fingerprint = options.pinned_fingerprint,
                                         .only_records = options.verify == ClientTlsOptions::Verify::recorded});
  if (!context) return std::unexpected(context.error());
  SSL_CTX* raw = context->get();
  if (const Status status = trust(raw, options.ca_file); !status) return std::unexpected(status.error());
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  if (!options.certificate_file.empty()) {
    if (const Status status = use_own_certificate(raw, options.certificate_file, options.key_file); !status) {
      return std::unexpected(status.error());
    }
  }
  const std::string& wire = settings_of(raw).alpn;
  // This function of OpenSSL returns 0 for success.
  if (!wire.empty() && SSL_CTX_set_alpn_protos(raw, bytes(wire), static_cast<unsigned>(wire.size())) != 0) {
    return fail(Failure::io, "cannot set up ALPN: " + take_openssl_reason());
  }
  return TlsContext(std::move(*context));
}

SslPtr TlsContext::accept() const {
  SslPtr ssl(SSL_new(native()));
  if (!ssl) throw std::bad_alloc();
  SSL_set_accept_state(ssl.get());
  return ssl;
}

SslPtr TlsContext::connect(std::string_view domain, std::string_view service) const {
  SslPtr ssl(SSL_new(native()));
  auto identity = std::make_unique<Identity>(Identity{std::string(domain), std::string(service)});
  if (!ssl || SSL_set_ex_data(ssl.get(), identity_index(), identity.get()) != 1) throw std::bad_alloc();
  const std::string& name = identity.release()->domain;
  // RFC 6066 §3: no addresses in SNI.
  if (!is_ip_address(name)) SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  SSL_set_connect_state(ssl.get());
  return ssl;
}

Status acceptable(const SSL* ssl) {
  const int version = SSL_version(ssl);
  if (version == TLS1_3_VERSION) return {};
  // The macro behind this takes a non-const SSL though it only looks.
  if (version == TLS1_2_VERSION && SSL_get_extms_support(const_cast<SSL*>(ssl)) == 1) return {};
  return fail(Failure::denied, "TLS 1.2 without extended master secret (RFC 7627)");
}

Status verified_peer(const SSL* ssl, std::string_view domain, std::string_view service) {
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  if (!certificate) return fail(Failure::denied, "the peer showed no certificate");
  if (const long result = SSL_get_verify_result(ssl); result != X509_V_OK) {
    return fail(Failure::denied,
                std::string("the peer's certificate is not trusted: ") + X509_verify_cert_error_string(result));
  }
  if (certificate_covers(certificate, domain, service)) return {};
  return fail(Failure::denied, "the peer's certificate does not cover the domain " + std::string(domain));
}

std::string handshake_failure(const SSL* ssl) {
  const std::string reason = take_openssl_reason();
  const long result = SSL_get_verify_result(ssl);
  return result == X509_V_OK || settings_of(SSL_get_SSL_CTX(ssl)).only_records ? reason
                                                                               : X509_verify_cert_error_string(result);
}

std::string_view agreed_protocol(const SSL* ssl) {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

std::string tls_version(const SSL* ssl) {
  const auto number = static_cast<unsigned>(SSL_version(ssl));
  const char digits[] = {static_cast<char>(number >> 8), static_cast<char>(number)};
  return hex_encode(std::string_view(digits, 2));
}

ChannelBindingData channel_bindings(SSL* ssl) {
  ChannelBindingData data;
  constexpr std::string_view label = "EXPORTER-Channel-Binding";
  std::string exported(32, '\0');
  // RFC 9266 §3: without extended master secret the exporter does not identify a connection.
  if (acceptable(ssl) &&
      SSL_export_keying_material(ssl, reinterpret_cast<unsigned char*>(exported.data()), exported.size(), label.data(),
                                 label.size(), bytes(exported), 0, 1) == 1) {
    data.tls_exporter = std::move(exported);
  }
  // RFC 7627 §1: nor does the Finished, without it.
  if (acceptable(ssl)) data.tls_unique = unique_finished(ssl);
  const X509* certificate = SSL_is_server(ssl) ? SSL_get_certificate(ssl) : SSL_get0_peer_certificate(ssl);
  data.tls_server_end_point = hash_of_server_certificate(certificate);
  ERR_clear_error();
  return data;
}

}  // namespace rookery::crypto
