#include "server/net/tls_holder.h"

#include <filesystem>

#include "crypto/certificate.h"
#include "server/log.h"

namespace rookery::server {

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
  crypto::ServerTlsOptions options{.certificate_file = files.certificate, .key_file = files.key};
  auto starttls = crypto::TlsContext::server(options);
  if (!starttls) return std::unexpected<Error>(starttls.error());
  options.alpn = {"xmpp-client"};
  auto direct = crypto::TlsContext::server(options);
  if (!direct) return std::unexpected<Error>(direct.error());
  options.alpn = {"http/1.1"};
  auto https = crypto::TlsContext::server(options);
  if (!https) return std::unexpected<Error>(https.error());
  const std::lock_guard lock(mutex_);
  former_ = std::move(current_);
  current_ = {std::move(*starttls), std::move(*direct), std::move(*https)};
  return {};
}

bool TlsHolder::has_loaded() {
  const std::lock_guard lock(mutex_);
  return !current_.empty();
}

SSL_CTX* TlsHolder::starttls() {
  const std::lock_guard lock(mutex_);
  return current_[0].native();
}

SSL_CTX* TlsHolder::direct() {
  const std::lock_guard lock(mutex_);
  return current_[1].native();
}

SSL_CTX* TlsHolder::https() {
  const std::lock_guard lock(mutex_);
  return current_[2].native();
}

}  // namespace rookery::server
