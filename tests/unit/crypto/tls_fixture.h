// Two ends of TLS in memory, and a folder of certificates.
#pragma once

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <filesystem>

#include "crypto/certificate.h"
#include "crypto/tls_context.h"

namespace rookery::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string path = (std::filesystem::temp_directory_path() / "rookery-crypto-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    path_ = path;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  crypto::CertificateFiles files(const std::string& name) const {
    return {.certificate = path_ / (name + ".pem"), .key = path_ / (name + ".key")};
  }
  crypto::CertificateFiles make(const std::string& name, const std::vector<std::string>& domains,
                                std::chrono::days validity = std::chrono::days{10}) const {
    const auto result = files(name);
    const Status status = crypto::make_self_signed(result, domains, validity);
    EXPECT_TRUE(status) << status.error().message;
    return result;
  }

 private:
  std::filesystem::path path_;
};

/// Client and server joined by a BIO pair.
struct TlsPair {
  TlsPair(const crypto::TlsContext& server_context, const crypto::TlsContext& client_context,
          std::string_view domain = "example.org")
      : server(server_context.accept()), client(client_context.connect(domain, "xmpp-client")) {
    BIO* server_end = nullptr;
    BIO* client_end = nullptr;
    BIO_new_bio_pair(&server_end, 0, &client_end, 0);
    SSL_set_bio(server.get(), server_end, server_end);
    SSL_set_bio(client.get(), client_end, client_end);
  }
  /// Both sides are done; the loop ends because each round carries bytes or nothing more will come.
  bool handshake() const {
    for (int round = 0; round < 20; ++round) {
      const int client_result = SSL_do_handshake(client.get());
      const int server_result = SSL_do_handshake(server.get());
      if (client_result == 1 && server_result == 1) return true;
      if (has_failed(client.get(), client_result) || has_failed(server.get(), server_result)) return false;
    }
    return false;
  }
  static bool has_failed(const SSL* ssl, int result) {
    return result != 1 && SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ &&
           SSL_get_error(ssl, result) != SSL_ERROR_WANT_WRITE;
  }

  crypto::SslPtr server;
  crypto::SslPtr client;
};

}  // namespace rookery::test
