// The domainpart of a JID: RFC 7622 §3.2 by way of libidn2 (IDNA 2008 with the mapping of UTS 46).
#include <arpa/inet.h>
#include <idn2.h>

#include <algorithm>
#include <memory>

#include "xmpp/domain_names.h"
#include "xmpp/jid.h"

namespace rookery::xmpp {
namespace {

struct IdnDeleter {
  void operator()(char* text) const { idn2_free(text); }
};
using IdnString = std::unique_ptr<char, IdnDeleter>;

// Not IDN2_USE_STD3_ASCII_RULES: libidn2 2.3 then drops forbidden characters ("a_b" becomes "ab") where it should
// refuse them, which would let one name pass for another. is_ldh_name() and are_labels() refuse them.
constexpr int idn_flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;

Result<std::string> to_ascii(const std::string& domain) {
  char* raw = nullptr;
  const int status =
      idn2_lookup_u8(reinterpret_cast<const uint8_t*>(domain.c_str()), reinterpret_cast<uint8_t**>(&raw), idn_flags);
  const IdnString owned(raw);
  if (status != IDN2_OK) return fail(Failure::invalid, idn2_strerror(status));
  return std::string(owned.get());
}

Result<std::string> to_unicode(const std::string& ascii) {
  char* raw = nullptr;
  const int status = idn2_to_unicode_8z8z(ascii.c_str(), &raw, 0);
  const IdnString owned(raw);
  if (status != IDN2_OK) return fail(Failure::invalid, idn2_strerror(status));
  return std::string(owned.get());
}

// RFC 5890 §2.3.1: letters, digits and inner hyphens; "--" at the third and fourth place only in A-labels.
bool is_ldh_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    const auto label = name.substr(begin, end - begin);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    for (const char c : label)
      if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
    if (label.substr(0, 4).ends_with("--") && label.size() >= 4 && !label.starts_with("xn--")) return false;
    begin = end + 1;
  }
  return true;
}

// libidn2 accepts some symbols that IDNA 2008 forbids ("a≠b"). The IdentifierClass has all that RFC 5892 allows in a
// U-label and the same contextual and Bidi rules, so a label that it refuses or would change is no U-label.
bool are_labels(std::string_view name) {
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    const auto label = name.substr(begin, end - begin);
    const auto prepared = prepare_username(label);
    if (!prepared || *prepared != label) return false;
    const bool ldh = std::ranges::all_of(label, [](char c) {
      return static_cast<unsigned char>(c) >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    if (!ldh) return false;
    begin = end + 1;
  }
  return true;
}

Result<std::string> prepare_ipv6(std::string_view text) {
  in6_addr address{};
  const std::string inner(text.substr(1, text.size() - 2));
  if (inet_pton(AF_INET6, inner.c_str(), &address) != 1) return fail(Failure::invalid, "not an IPv6 address");
  char canonical[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, &address, canonical, sizeof canonical);
  return "[" + std::string(canonical) + "]";
}

Result<std::string> prepare_ipv4(std::string_view text) {
  in_addr address{};
  if (inet_pton(AF_INET, std::string(text).c_str(), &address) != 1)
    return fail(Failure::invalid, "digits and dots, but not an IPv4 address");
  return std::string(text);
}

}  // namespace

std::string ascii_domain(std::string_view prepared) {
  if (std::ranges::all_of(prepared, [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    return std::string(prepared);
  return to_ascii(std::string(prepared)).value_or(std::string(prepared));
}

Result<std::string> prepare_domain(std::string_view text) {
  if (text.size() > 1024) return fail(Failure::invalid, "too long");
  // NUL would end the C strings below early.
  if (text.find('\0') != std::string_view::npos) return fail(Failure::invalid, "has a NUL character");
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') return prepare_ipv6(text);
  const bool final_dot = text.ends_with('.');
  if (final_dot) text.remove_suffix(1);  // RFC 7622 §3.2: the final dot is stripped
  if (text.empty()) return fail(Failure::invalid, "empty");
  if (text.find_first_not_of("0123456789.") == std::string_view::npos) return prepare_ipv4(text);

  auto ascii = to_ascii(std::string(text));
  if (!ascii) return ascii;
  // UTS 46 maps ideographic full stops to dots, so the final one may only show now.
  if (!final_dot && ascii->ends_with('.')) ascii->pop_back();
  if (!is_ldh_name(*ascii)) return fail(Failure::invalid, "not a host name");
  if (ascii->find_first_not_of("0123456789.") == std::string::npos) return prepare_ipv4(*ascii);

  auto unicode = to_unicode(*ascii);
  if (!unicode) return unicode;
  if (!are_labels(*unicode)) return fail(Failure::invalid, "not a host name");
  // An A-label must be the one that its U-label yields (RFC 5891 §5.4); this refuses forged Punycode.
  const auto again = to_ascii(*unicode);
  if (!again || *again != *ascii) return fail(Failure::invalid, "has an invalid A-label");
  return unicode;
}

}  // namespace rookery::xmpp
