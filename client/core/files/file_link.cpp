#include "client/core/files/file_link.h"

#include <algorithm>

#include "crypto/aes.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace rookery::client {

namespace {

constexpr std::string_view https = "https://";
constexpr std::string_view aesgcm = "aesgcm://";
constexpr size_t key_bytes = 32;
constexpr size_t name_bytes = 120;

bool is_address(std::string_view text) {
  // RFC 3986 §2: all of it is printable ASCII; anything else is a sentence with a link in it.
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// nullopt when it is not two digits for each byte.
std::optional<std::string> hex_decode(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string raw;
  for (size_t i = 0; i < text.size(); i += 2) {
    if (digit(text[i]) < 0 || digit(text[i + 1]) < 0) return std::nullopt;
    raw += static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1]));
  }
  return raw;
}

std::string percent_decode(std::string_view text) {
  std::string decoded;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = text[at] == '%' && at + 2 < text.size() ? hex_decode(text.substr(at + 1, 2)) : std::nullopt;
    if (byte) at += 2;
    decoded += byte ? byte->front() : text[at];
  }
  return decoded;
}

/// The path of an address without its query; empty when there is only a host.
std::string_view path_of(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const size_t slash = url.find('/', https.size());
  return slash == std::string_view::npos ? std::string_view() : url.substr(slash + 1);
}

bool names_a_file(std::string_view path) {
  const auto last = path.substr(path.rfind('/') + 1);
  const size_t dot = last.rfind('.');
  return dot != std::string_view::npos && dot > 0 && last.size() - dot > 1 && last.size() - dot <= 6;
}

}  // namespace

std::optional<FileLink> FileLink::parse(std::string_view text) {
  const auto address = text.substr(0, text.find('\n'));
  if (!is_address(address)) return std::nullopt;
  FileLink link;
  if (address.starts_with(aesgcm)) {
    const size_t hash = address.find('#');
    if (hash == std::string_view::npos) return std::nullopt;
    const auto secret = hex_decode(address.substr(hash + 1));
    // §3: the IV comes first. Old clients use 16 bytes for it.
    const bool fits = secret && (secret->size() == key_bytes + 12 || secret->size() == key_bytes + 16);
    if (!fits) return std::nullopt;
    link.iv = secret->substr(0, secret->size() - key_bytes);
    link.key = secret->substr(secret->size() - key_bytes);
    link.url = std::string(https) + std::string(address.substr(aesgcm.size(), hash - aesgcm.size()));
    const bool has_thumbnail = address.size() < text.size();
    if (has_thumbnail && !text.substr(address.size() + 1).starts_with("data:image/jpeg,")) return std::nullopt;
  } else {
    if (!address.starts_with(https) || address.size() != text.size() || !names_a_file(path_of(address)))
      return std::nullopt;
    link.url = address;
  }
  if (path_of(link.url).empty()) return std::nullopt;
  link.name = safe_file_name(percent_decode(path_of(link.url)));
  return link;
}

FileLink FileLink::with_key() {
  FileLink link;
  link.key = crypto::random_bytes(key_bytes);
  link.iv = crypto::random_bytes(crypto::aes_gcm_nonce_size);
  return link;
}

std::string FileLink::to_text() const {
  if (!is_encrypted()) return url;
  return std::string(aesgcm) + url.substr(https.size()) + "#" + crypto::hex_encode(iv) + crypto::hex_encode(key);
}

std::string FileLink::seal(std::string_view content) const {
  auto sealed = crypto::aes_gcm_seal(key, iv, content);
  return std::move(sealed.ciphertext.append(sealed.tag));
}

Result<std::string> FileLink::open(std::string_view content) const {
  if (content.size() < crypto::aes_gcm_tag_size)
    return fail(Failure::denied, "the file is too short to be what was sent");
  const size_t size = content.size() - crypto::aes_gcm_tag_size;
  auto opened =
      crypto::aes_gcm_open(key, iv, {std::string(content.substr(0, size)), std::string(content.substr(size))});
  if (!opened) return fail(Failure::denied, "the file is not what was sent: it does not fit its key");
  return opened;
}

std::string safe_file_name(std::string_view path) {
  path = path.substr(path.find_last_of("/\\") + 1);  // npos + 1 is 0
  std::string name;
  std::ranges::copy_if(path, std::back_inserter(name),
                       [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
  name.erase(0, std::min(name.find_first_not_of(". "), name.size()));
  if (name.empty()) return "file";
  if (name.size() <= name_bytes) return name;
  const size_t dot = name.rfind('.');
  const std::string ending = dot == std::string::npos || name.size() - dot > 16 ? "" : name.substr(dot);
  size_t cut = name_bytes - ending.size();
  while (cut > 0 && (static_cast<unsigned char>(name[cut]) & 0xc0) == 0x80) --cut;  // whole characters of UTF-8
  return name.substr(0, cut) + ending;
}

}  // namespace rookery::client
