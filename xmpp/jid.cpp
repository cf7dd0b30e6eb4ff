#include "xmpp/jid.h"

#include <array>

namespace rookery::xmpp {
namespace {

constexpr size_t part_limit_bytes = 1023;  // RFC 7622 §3.2, §3.3, §3.4: after preparation

// RFC 7622 §3.3.1: allowed by the IdentifierClass, excluded from localparts.
constexpr std::string_view excluded_from_local = "\"&'/:<>@";

// The prepared form of each ASCII character in a localpart; 0 where it may not stand or is not ASCII.
constexpr auto local_characters = [] {
  std::array<char, 256> table{};
  for (int c = 0x21; c <= 0x7E; ++c) {
    if (excluded_from_local.find(static_cast<char>(c)) != std::string_view::npos) continue;
    table[static_cast<size_t>(c)] = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  }
  return table;
}();

bool append_ascii_local(std::string& out, std::string_view local) {
  const size_t before = out.size();
  out += local;
  bool valid = true;
  for (size_t i = before; i < out.size(); ++i) {
    out[i] = local_characters[static_cast<unsigned char>(out[i])];
    valid &= out[i] != 0;
  }
  return valid;
}

Status append_local(std::string& out, std::string_view local) {
  const size_t before = out.size();
  if (!append_ascii_local(out, local)) {
    out.resize(before);
    auto prepared = prepare_username(local);
    if (!prepared) return fail(Failure::invalid, "localpart: " + prepared.error().message);
    if (prepared->find_first_of(excluded_from_local) != std::string::npos)
      return fail(Failure::invalid, "localpart: has one of \" & ' / : < > @");
    out += *prepared;
  }
  if (out.size() - before > part_limit_bytes) return fail(Failure::invalid, "localpart: over 1023 bytes");
  return {};
}

// The common case of RFC 7622 §3.2: ASCII letters, digits and hyphens that need neither IDNA nor an address parser.
bool append_plain_domain(std::string& out, std::string_view domain) {
  if (domain.size() > 253) return false;
  const size_t before = out.size();
  out += domain;
  size_t label = 0;  // characters in the label so far
  bool any_letter = false;
  char last = '.';
  for (size_t i = before; i < out.size(); ++i) {
    char& lower = out[i];
    if (lower >= 'A' && lower <= 'Z') lower = static_cast<char>(lower + 32);
    if (lower == '.') {
      if (label == 0 || last == '-') return false;
      label = 0;
    } else if (lower == '-') {
      // A hyphen at the third and fourth place marks an A-label or a reserved one (RFC 5890 §2.3.1).
      if (label == 0 || (label == 3 && last == '-')) return false;
      ++label;
    } else if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9')) {
      any_letter |= lower >= 'a';
      ++label;
    } else {
      return false;
    }
    if (label > 63) return false;
    last = lower;
  }
  return any_letter && label > 0 && last != '-';
}

Status append_domain(std::string& out, std::string_view domain) {
  const size_t before = out.size();
  if (append_plain_domain(out, domain)) return {};
  out.resize(before);
  auto prepared = prepare_domain(domain);
  if (!prepared) return fail(Failure::invalid, "domainpart: " + prepared.error().message);
  if (prepared->size() > part_limit_bytes) return fail(Failure::invalid, "domainpart: over 1023 bytes");
  out += *prepared;
  return {};
}

bool is_printable_ascii(std::string_view text) {
  for (const char c : text)
    if (c < 0x20 || c > 0x7E) return false;
  return true;
}

Status append_resource(std::string& out, std::string_view resource) {
  const size_t before = out.size();
  if (is_printable_ascii(resource)) {
    out += resource;
  } else {
    auto prepared = prepare_opaque_string(resource);
    if (!prepared) return fail(Failure::invalid, "resourcepart: " + prepared.error().message);
    out += *prepared;
  }
  if (out.size() - before > part_limit_bytes) return fail(Failure::invalid, "resourcepart: over 1023 bytes");
  // OpaqueString alone would allow it; RFC 7622 §3.5, table 2, example 18 does not.
  if (out[before] == ' ') return fail(Failure::invalid, "resourcepart: begins with a space");
  return {};
}

}  // namespace

Result<Jid> Jid::parse(std::string_view text) {
  // RFC 7622 §3.1: the first slash comes first, since a resourcepart may contain both separators.
  const size_t slash = text.find('/');
  const std::string_view bare = text.substr(0, slash);
  const size_t at = bare.find('@');
  if (at == 0) return fail(Failure::invalid, "localpart: empty before the @");
  if (slash != std::string_view::npos && slash + 1 == text.size())
    return fail(Failure::invalid, "resourcepart: empty after the slash");

  const auto local = at == std::string_view::npos ? std::string_view{} : bare.substr(0, at);
  const auto domain = at == std::string_view::npos ? bare : bare.substr(at + 1);
  const auto resource = slash == std::string_view::npos ? std::string_view{} : text.substr(slash + 1);
  return make(local, domain, resource);
}

Result<Jid> Jid::make(std::string_view local, std::string_view domain, std::string_view resource) {
  Jid jid;
  jid.text_.reserve(local.size() + domain.size() + resource.size() + 2);
  if (!local.empty()) {
    if (auto done = append_local(jid.text_, local); !done) return std::unexpected(std::move(done.error()));
    jid.local_size_ = static_cast<uint16_t>(jid.text_.size());
    jid.text_.push_back('@');
  }
  if (auto done = append_domain(jid.text_, domain); !done) return std::unexpected(std::move(done.error()));
  jid.bare_size_ = static_cast<uint16_t>(jid.text_.size());
  if (resource.empty()) return jid;

  jid.text_.push_back('/');
  if (auto done = append_resource(jid.text_, resource); !done) return std::unexpected(std::move(done.error()));
  return jid;
}

std::string_view Jid::domain() const {
  const auto bare = bare_text();
  return local_size_ == 0 ? bare : bare.substr(local_size_ + 1u);
}

std::string_view Jid::resource() const {
  return is_bare() ? std::string_view{} : std::string_view(text_).substr(bare_size_ + 1u);
}

Jid Jid::bare() const {
  Jid jid;
  jid.text_ = bare_text();
  jid.local_size_ = local_size_;
  jid.bare_size_ = bare_size_;
  return jid;
}

Jid Jid::domain_jid() const {
  Jid jid;
  jid.text_ = domain();
  jid.bare_size_ = static_cast<uint16_t>(jid.text_.size());
  return jid;
}

Result<Jid> Jid::with_resource(std::string_view resource) const {
  Jid jid = bare();
  if (resource.empty()) return jid;
  ensure(!empty());
  jid.text_.push_back('/');
  if (auto done = append_resource(jid.text_, resource); !done) return std::unexpected(std::move(done.error()));
  return jid;
}

}  // namespace rookery::xmpp
