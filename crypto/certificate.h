// X.509: whom a certificate speaks for, and whether files are fit to be used. All domain names here are A-labels.
#pragma once

#include <openssl/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"

namespace rookery::crypto {

/// PEM: the chain, leaf first, and its private key without passphrase.
struct CertificateFiles {
  std::string certificate;
  std::string key;
};

/// Writes an ECDSA P-256 key and a certificate for `domains` (SAN dNSName); both files 0600, each replaced atomically.
Status make_self_signed(const CertificateFiles& files, const std::vector<std::string>& domains,
                        std::chrono::days validity = std::chrono::days{365});

/// Everything that must hold before a server uses the files (REQUIREMENTS 9): both parse, the key fits, is strong
/// enough and not open to everybody, nothing in the chain is expired, and the leaf covers every domain. The error is a
/// sentence for the operator.
Status check_certificate(const CertificateFiles& files, const std::vector<std::string>& domains);

/// When the leaf of a PEM file ends.
Result<std::chrono::system_clock::time_point> certificate_expiry(const std::string& certificate_file);
/// SHA-256 over the DER form, lower-case hex.
Result<std::string> certificate_fingerprint(const std::string& certificate_file);
std::string certificate_fingerprint(const X509* certificate);

/// RFC 6120 §13.7.1, by the subjectAltName only: a dNSName (a wildcard stands for the whole left-most label and nothing
/// else), a SRV-ID of `service` ("xmpp-client" or "xmpp-server"), or an xmppAddr that is the domain.
bool certificate_covers(const X509* certificate, std::string_view domain, std::string_view service);
/// The xmppAddr names: for SASL EXTERNAL of clients (XEP-0178). Not validated as JIDs.
std::vector<std::string> certificate_xmpp_addresses(const X509* certificate);

}  // namespace rookery::crypto
