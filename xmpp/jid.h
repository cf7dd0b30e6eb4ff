// Addresses, RFC 7622.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "crypto/result.h"

namespace rookery::xmpp {

/// An XMPP address that is known to be valid and normalised: localpart by UsernameCaseMapped, domain by IDNA 2008 /
/// UTS 46 (stored as U-labels, lower case, no trailing dot), resource by OpaqueString. Each part is at most 1023 bytes.
/// Holding a Jid is the proof of all that; code that has one never checks it again. Ordered and hashed by its text.
/// A default-constructed Jid is empty and stands for "no address".
class Jid {
 public:
  Jid() = default;
  /// RFC 7622 §3.1: splits at the first '/', then at the first '@'. Failure::invalid names the part that is wrong.
  static Result<Jid> parse(std::string_view text);
  /// From unescaped parts; an empty local or resource means that it has none.
  static Result<Jid> make(std::string_view local, std::string_view domain, std::string_view resource = {});

  const std::string& text() const { return text_; }
  std::string_view local() const { return std::string_view(text_).substr(0, local_size_); }
  std::string_view domain() const;
  std::string_view resource() const;
  std::string_view bare_text() const { return std::string_view(text_).substr(0, bare_size_); }
  bool empty() const { return text_.empty(); }
  bool is_bare() const { return bare_size_ == text_.size(); }
  bool is_domain() const { return local_size_ == 0 && is_bare(); }
  bool has_local() const { return local_size_ > 0; }

  Jid bare() const;
  Jid domain_jid() const;
  /// Replaces the resource by one that is prepared (OpaqueString) here; an empty one yields the bare JID.
  Result<Jid> with_resource(std::string_view resource) const;
  bool same_bare(const Jid& other) const { return bare_text() == other.bare_text(); }

  friend bool operator==(const Jid& a, const Jid& b) { return a.text_ == b.text_; }
  friend auto operator<=>(const Jid& a, const Jid& b) { return a.text_ <=> b.text_; }

 private:
  std::string text_;
  uint16_t local_size_ = 0;
  uint16_t bare_size_ = 0;
};

/// RFC 8265 §3.3 and §4.2; Failure::invalid for what the profile forbids. ASCII takes a fast path.
Result<std::string> prepare_username(std::string_view text);
Result<std::string> prepare_opaque_string(std::string_view text);  ///< also for passwords
/// RFC 7622 §3.2: a host name as lower-case U-labels without final dot, an IPv4 address or an IPv6 address in brackets.
Result<std::string> prepare_domain(std::string_view text);

}  // namespace rookery::xmpp

template <>
struct std::hash<rookery::xmpp::Jid> {
  size_t operator()(const rookery::xmpp::Jid& jid) const noexcept { return std::hash<std::string>{}(jid.text()); }
};
