// Whom a certificate speaks for.
#include <openssl/x509v3.h>

#include <algorithm>
#include <optional>

#include "crypto/certificate.h"
#include "crypto/hash.h"
#include "crypto/openssl_ptr.h"

namespace rookery::crypto {
namespace {

struct Names {
  std::vector<std::string> dns;
  std::vector<std::string> services;
  std::vector<std::string> xmpp_addresses;
};

// A NUL inside a name is the old trick to show one name to the CA and another to C code.
std::optional<std::string> text_of(const ASN1_STRING* value) {
  const auto* bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(value));
  std::string text(bytes, static_cast<size_t>(ASN1_STRING_length(value)));
  if (text.empty() || text.find('\0') != std::string::npos) return std::nullopt;
  return text;
}

void add_other_name(const OTHERNAME& other, Names& names) {
  const int kind = OBJ_obj2nid(other.type_id);
  if (!other.value) return;
  if (kind == NID_SRVName && other.value->type == V_ASN1_IA5STRING) {
    if (auto text = text_of(other.value->value.ia5string)) names.services.push_back(std::move(*text));
  }
  if (kind == NID_XmppAddr && other.value->type == V_ASN1_UTF8STRING) {
    if (auto text = text_of(other.value->value.utf8string)) names.xmpp_addresses.push_back(std::move(*text));
  }
}

Names names_of(const X509* certificate) {
  Names names;
  const OpensslPtr<GENERAL_NAMES, GENERAL_NAMES_free> all(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (!all) return names;
  for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type == GEN_DNS) {
      if (auto text = text_of(name->d.dNSName)) names.dns.push_back(std::move(*text));
    } else if (name->type == GEN_OTHERNAME) {
      add_other_name(*name->d.otherName, names);
    }
  }
  return names;
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

// RFC 6125 §6.4.3.
bool dns_name_matches(std::string_view pattern, std::string_view domain) {
  if (same_ignoring_case(pattern, domain)) return pattern.find('*') == std::string_view::npos;
  if (!pattern.starts_with("*.")) return false;
  const std::string_view parent = pattern.substr(2);
  // "*.org" would speak for everybody there.
  if (parent.find('.') == std::string_view::npos || parent.find('*') != std::string_view::npos) return false;
  const size_t dot = domain.find('.');
  return dot != std::string_view::npos && dot > 0 && same_ignoring_case(parent, domain.substr(dot + 1));
}

}  // namespace

bool certificate_covers(const X509* certificate, std::string_view domain, std::string_view service) {
  if (!certificate || domain.empty()) return false;
  const Names names = names_of(certificate);
  const std::string service_name = "_" + std::string(service) + "." + std::string(domain);
  return std::any_of(names.dns.begin(), names.dns.end(),
                     [&](const std::string& name) { return dns_name_matches(name, domain); }) ||
         std::any_of(names.services.begin(), names.services.end(),
                     [&](const std::string& name) { return same_ignoring_case(name, service_name); }) ||
         std::any_of(names.xmpp_addresses.begin(), names.xmpp_addresses.end(),
                     [&](const std::string& name) { return same_ignoring_case(name, domain); });
}

std::vector<std::string> certificate_xmpp_addresses(const X509* certificate) {
  return names_of(certificate).xmpp_addresses;
}

std::string certificate_fingerprint(const X509* certificate) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  ensure(X509_digest(certificate, EVP_sha256(), bytes, &size) == 1);
  return hex_encode({reinterpret_cast<const char*>(bytes), size});
}

}  // namespace rookery::crypto
