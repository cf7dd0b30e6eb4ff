#include "server/net/tls_holder.h"

#include <filesystem>

#include "crypto/certificate.h"
#include "server/log.h"

namespace rookery::server {

namespace {

/// In the order of TlsHolder::Use.
Result<std::vector<crypto::TlsContext>> make_contexts(const crypto::CertificateFiles& files,
                                                      const std::string& ca_file) {
  std::vector<crypto::TlsContext> made;
  for (const std::vector<std::string>& alpn : {std::vector<std::string>{}, {"xmpp-client"}, {"http/1.1"}}) {
    auto context =
        crypto::TlsContext::server({.certificate_file = files.certificate, .key_file = files.key, .alpn = alpn});
    if (!context) return std::unexpected<Error>(context.error());
    made.push_back(std::move(*context));
  }
  const std::vector<std::vector<std::string>> of_servers{{}, {"xmpp-server"}};
  for (const auto& alpn : of_servers) {
    auto context = crypto::TlsContext::server({.certificate_file = files.certificate,
                                               .key_file = files.key,
                                               .alpn = alpn,
                                               .asks_for_certificate = true,
                                               .ca_file = ca_file});
    if (!context) return std::unexpected<Error>(context.error());
    made.push_back(std::move(*context));
  }
  for (const auto& alpn : of_servers) {
    auto context = crypto::TlsContext::client({.verify = crypto::ClientTlsOptions::Verify::recorded,
                                               .alpn = alpn,
                                               .ca_file = ca_file,
                                               .pinned_fingerprint = {},
                                               .certificate_file = files.certificate,
                                               .key_file = files.key});
    if (!context) return std::unexpected<Error>(context.error());
    made.push_back(std::move(*context));
  }
  return made;
}

}  // namespace

Status TlsHolder::load(const Config& config) {
  const crypto::CertificateFiles files{
      (config.certificate.empty() ? config.data_dir / "certificate.pem" : config.certificate).string(),
      (config.key.empty() ? config.data_dir / "key.pem" : config.key).string()};
  // Only for a start: files that vanish while we run are no reason to serve what nobody trusts.
  if (!has_loaded() && !std::filesystem::exists(files.certificate) && !std::filesystem::exists(files.key)) {
    if (const Status made = crypto::make_self_signed(files, config.domains); !made) return made;
    log::warning("self_signed_certificate",
                 {{"file", files.certificate},
                  {"advice", "clients will warn: use a certificate of an authority for other people"}});
  }
  // REQUIREMENTS 9: staged; nothing changes unless all of it is good.
  if (const Status good = crypto::check_certificate(files, config.domains); !good) return good;
  auto contexts = make_contexts(files, config.s2s_ca.string());
  if (!contexts) return std::unexpected<Error>(contexts.error());
  const std::lock_guard lock(mutex_);
  former_ = std::move(current_);
  current_ = std::move(*contexts);
  return {};
}

bool TlsHolder::has_loaded() {
  const std::lock_guard lock(mutex_);
  return !current_.empty();
}

crypto::TlsContext TlsHolder::current(size_t use) {
  const std::lock_guard lock(mutex_);
  return current_[use];
}

SSL_CTX* TlsHolder::starttls() { return current(starttls_use).native(); }
SSL_CTX* TlsHolder::direct() { return current(direct_use).native(); }
SSL_CTX* TlsHolder::https() { return current(https_use).native(); }
SSL_CTX* TlsHolder::from_servers(bool direct) {
  return current(direct ? from_servers_direct_use : from_servers_use).native();
}
crypto::TlsContext TlsHolder::to_servers(bool direct) {
  return current(direct ? to_servers_direct_use : to_servers_use);
}

}  // namespace rookery::server
