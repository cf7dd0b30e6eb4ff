#include "crypto/certificate.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "crypto/openssl_ptr.h"
#include "crypto/random.h"

namespace rookery::crypto {
namespace {

using CertificatePtr = OpensslPtr<X509, X509_free>;
using KeyPtr = OpensslPtr<EVP_PKEY, EVP_PKEY_free>;
using BioPtr = OpensslPtr<BIO, BIO_free_all>;

/// Less is refused by OpenSSL's security level 2, Debian's default: RSA below 2048 bits.
constexpr int minimum_security_bits = 112;

Result<std::vector<CertificatePtr>> read_chain(const std::string& file) {
  ERR_clear_error();
  const BioPtr in(BIO_new_file(file.c_str(), "r"));
  if (!in) return fail(Failure::not_found, "cannot open the certificate file " + file);
  std::vector<CertificatePtr> chain;
  while (X509* next = PEM_read_bio_X509(in.get(), nullptr, no_passphrase, nullptr)) chain.emplace_back(next);
  // The end of the file is reported as an error too.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string reason = take_openssl_reason();
  if (chain.empty() || !at_end) {
    return fail(Failure::invalid, file + " does not hold certificates in PEM form (" + reason + ")");
  }
  return chain;
}

Result<KeyPtr> read_key(const std::string& file) {
  ERR_clear_error();
  const BioPtr in(BIO_new_file(file.c_str(), "r"));
  if (!in) return fail(Failure::not_found, "cannot open the key file " + file);
  KeyPtr key(PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr));
  if (key) return key;
  return fail(Failure::invalid,
              file + " does not hold a private key without passphrase in PEM form (" + take_openssl_reason() + ")");
}

Status check_dates(const std::vector<CertificatePtr>& chain, const std::string& file) {
  for (size_t i = 0; i < chain.size(); ++i) {
    const std::string which = i == 0 ? "the certificate" : "certificate " + std::to_string(i + 1) + " of the chain";
    if (X509_cmp_current_time(X509_get0_notAfter(chain[i].get())) <= 0) {
      return fail(Failure::denied, which + " in " + file + " has expired");
    }
    if (X509_cmp_current_time(X509_get0_notBefore(chain[i].get())) >= 0) {
      return fail(Failure::denied, which + " in " + file + " is not valid yet");
    }
  }
  return {};
}

Status check_key(const CertificateFiles& files, const X509* leaf) {
  const auto key = read_key(files.key);
  if (!key) return std::unexpected(key.error());
  if (X509_check_private_key(leaf, key->get()) != 1) {
    ERR_clear_error();
    return fail(Failure::denied,
                "the key in " + files.key + " does not belong to the certificate in " + files.certificate);
  }
  if (EVP_PKEY_get_security_bits(key->get()) < minimum_security_bits) {
    return fail(Failure::denied, "the key in " + files.key + " is too short (RSA needs 2048 bits, or use ECDSA P-256)");
  }
  struct stat status{};
  if (::stat(files.key.c_str(), &status) == 0 && (status.st_mode & S_IRWXO) != 0) {
    return fail(Failure::denied, "the key file " + files.key + " is open to everybody; chmod 600 it");
  }
  return {};
}

std::string errno_text() { return std::strerror(errno); }

// Renamed into place when it is complete, so that a reader sees the old file or the new one.
Status write_private_file(const std::string& path, std::string_view content) {
  const std::string temporary = path + "." + random_token() + ".new";
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return fail(Failure::io, "cannot create " + temporary + ": " + errno_text());
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break;
    content.remove_prefix(static_cast<size_t>(written));
  }
  const bool done = content.empty() && ::fsync(file) == 0;
  const bool closed = ::close(file) == 0;
  if (done && closed && ::rename(temporary.c_str(), path.c_str()) == 0) return {};
  const std::string reason = errno_text();
  ::unlink(temporary.c_str());
  return fail(Failure::io, "cannot write " + path + ": " + reason);
}

std::string text_in(BIO* memory) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory, &bytes);
  return std::string(bytes, static_cast<size_t>(size));
}

bool add_extension(X509* certificate, int kind, const std::string& value) {
  const OpensslPtr<X509_EXTENSION, X509_EXTENSION_free> extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

CertificatePtr sign_for(EVP_PKEY* key, const std::vector<std::string>& domains, std::chrono::days validity) {
  std::string names;
  for (const std::string& domain : domains) names += (names.empty() ? "DNS:" : ",DNS:") + domain;
  CertificatePtr certificate(X509_new());
  if (!certificate) return nullptr;
  // RFC 5280 §4.1.2.2: a positive serial number of at most 20 bytes.
  std::string serial = random_bytes(16);
  serial[0] = static_cast<char>((serial[0] & 0x7f) | 0x40);
  const OpensslPtr<BIGNUM, BN_free> number(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()), static_cast<int>(serial.size()), nullptr));
  // A subject of 64 bytes at most (RFC 5280's ub-common-name); nobody reads it, names are in the SAN.
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  const std::string common_name = domains.front().substr(0, 64);
  constexpr long clock_skew_seconds = 3600;
  const bool done = number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) != nullptr &&
                    X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
                    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -clock_skew_seconds) != nullptr &&
                    X509_time_adj_ex(X509_getm_notAfter(certificate.get()), static_cast<int>(validity.count()), 0,
                                     nullptr) != nullptr &&
                    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                               reinterpret_cast<const unsigned char*>(common_name.data()),
                                               static_cast<int>(common_name.size()), -1, 0) == 1 &&
                    X509_set_issuer_name(certificate.get(), subject) == 1 &&
                    X509_set_pubkey(certificate.get(), key) == 1 &&
                    add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE") &&
                    add_extension(certificate.get(), NID_key_usage, "critical,digitalSignature") &&
                    add_extension(certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth") &&
                    add_extension(certificate.get(), NID_subject_alt_name, names) &&
                    X509_sign(certificate.get(), key, EVP_sha256()) > 0;
  return done ? std::move(certificate) : nullptr;
}

// The names go into OpenSSL's little language of extensions, where a comma or a colon would start something else.
bool is_plain_name(std::string_view name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-*_") ==
             std::string_view::npos;
}

}  // namespace

Status make_self_signed(const CertificateFiles& files, const std::vector<std::string>& domains,
                        std::chrono::days validity) {
  if (domains.empty()) return fail(Failure::invalid, "a certificate needs at least one domain");
  for (const std::string& domain : domains) {
    if (!is_plain_name(domain)) return fail(Failure::invalid, "not a domain name in ASCII form: " + domain);
  }
  const KeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  const CertificatePtr certificate = key ? sign_for(key.get(), domains, validity) : nullptr;
  const BioPtr key_text(BIO_new(BIO_s_secmem()));
  const BioPtr certificate_text(BIO_new(BIO_s_mem()));
  if (!certificate || !key_text || !certificate_text ||
      PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
      PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1) {
    return fail(Failure::io, "cannot make a certificate: " + take_openssl_reason());
  }
  if (const Status status = write_private_file(files.key, text_in(key_text.get())); !status) return status;
  return write_private_file(files.certificate, text_in(certificate_text.get()));
}

Status check_certificate(const CertificateFiles& files, const std::vector<std::string>& domains) {
  const auto chain = read_chain(files.certificate);
  if (!chain) return std::unexpected(chain.error());
  const X509* leaf = chain->front().get();
  if (const Status status = check_key(files, leaf); !status) return status;
  if (const Status status = check_dates(*chain, files.certificate); !status) return status;
  for (const std::string& domain : domains) {
    if (!certificate_covers(leaf, domain, "xmpp-client") || !certificate_covers(leaf, domain, "xmpp-server")) {
      return fail(Failure::denied, "the certificate in " + files.certificate + " does not cover the domain " + domain);
    }
  }
  return {};
}

Result<std::chrono::system_clock::time_point> certificate_expiry(const std::string& certificate_file) {
  const auto chain = read_chain(certificate_file);
  if (!chain) return std::unexpected(chain.error());
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(chain->front().get()), &time) != 1) {
    return fail(Failure::invalid, "the certificate in " + certificate_file + " has no valid end");
  }
  return std::chrono::system_clock::from_time_t(::timegm(&time));
}

Result<std::string> certificate_fingerprint(const std::string& certificate_file) {
  const auto chain = read_chain(certificate_file);
  if (!chain) return std::unexpected(chain.error());
  return certificate_fingerprint(chain->front().get());
}

}  // namespace rookery::crypto
