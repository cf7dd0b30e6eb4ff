#include "server/features/upload/slot.h"

#include <algorithm>
#include <charconv>

#include "crypto/hash.h"
#include "server/http/request.h"

namespace rookery::server {

namespace {

constexpr size_t most_name_bytes = 200;
constexpr size_t most_ending_bytes = 16;
constexpr size_t most_type_bytes = 127;

/// Whole characters of UTF-8 only.
std::string_view cut(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// RFC 9110 §5.6.2.
bool is_token(std::string_view text) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  const auto is_tchar = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || others.contains(c);
  };
  return !text.empty() && std::ranges::all_of(text, is_tchar);
}

/// Without its parameters.
std::string_view essence_of(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return type;
}

}  // namespace

std::string UploadSlot::signature(std::string_view key) const {
  // No part can hold a zero byte, so no two slots have the same text.
  std::string text;
  for (const std::string_view part :
       {std::string_view(id), std::string_view(name), std::string_view(type), std::string_view(account.text())}) {
    text.append(part).push_back('\0');
  }
  text += std::to_string(size_bytes) + " " + std::to_string(until);
  return crypto::hex_encode(crypto::hmac(crypto::Hash::sha256, key, text));
}

bool UploadSlot::is_signed(std::string_view key, std::string_view claimed) const {
  return crypto::equal_in_constant_time(signature(key), claimed);
}

std::string UploadSlot::get_path() const { return "/" + id + "/" + percent_encode(name); }

std::string UploadSlot::put_path(std::string_view key) const {
  return get_path() + "?until=" + std::to_string(until) + "&by=" + percent_encode(account.text()) +
         "&key=" + signature(key);
}

std::string safe_file_name(std::string_view name) {
  name = name.substr(name.find_last_of("/\\") + 1);  // npos + 1 is 0
  std::string safe;
  std::ranges::copy_if(name, std::back_inserter(safe),
                       [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
  if (safe.empty() || safe == "." || safe == "..") return "file";
  if (safe.size() <= most_name_bytes) return safe;
  const auto dot = safe.rfind('.');
  const std::string ending = dot == std::string::npos || safe.size() - dot > most_ending_bytes ? "" : safe.substr(dot);
  return std::string(cut(safe, most_name_bytes - ending.size())) + ending;
}

std::optional<std::string> media_type(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const std::string_view essence = essence_of(lower);
  const auto slash = essence.find('/');
  if (slash == std::string_view::npos || !is_token(essence.substr(0, slash)) || !is_token(essence.substr(slash + 1)))
    return std::nullopt;
  const bool is_clean = std::ranges::all_of(lower, [](char c) { return c >= ' ' && c < 0x7f; });
  if (!is_clean || lower.size() > most_type_bytes) return std::nullopt;
  // A browser takes what stands behind a comma for one more type, unless it is within quotes, and believes the last
  // one.
  return lower.contains(',') ? std::string(essence) : lower;
}

bool is_shown(std::string_view type) {
  if (media_type(type) != type) return false;  // stored by a version that did not look as closely
  constexpr std::string_view shown[] = {
      "image/jpeg",  "image/png",   "image/gif",       "image/webp",       "image/avif",  "image/heic", "image/heif",
      "image/jxl",   "image/bmp",   "image/apng",      "audio/mpeg",       "audio/mp4",   "audio/aac",  "audio/ogg",
      "audio/opus",  "audio/flac",  "audio/x-flac",    "audio/wav",        "audio/x-wav", "audio/webm", "audio/amr",
      "audio/3gpp",  "audio/x-m4a", "video/mp4",       "video/mpeg",       "video/ogg",   "video/webm", "video/3gpp",
      "video/3gpp2", "video/x-m4v", "video/quicktime", "video/x-matroska", "text/plain"};
  return std::ranges::find(shown, essence_of(type)) != std::end(shown);
}

RangeAnswer parse_range(std::string_view header, uint64_t size) {
  const RangeAnswer whole{200, {0, size}};
  if (!header.starts_with("bytes=")) return whole;
  header.remove_prefix(6);
  const auto dash = header.find('-');
  if (dash == std::string_view::npos || header.find(',') != std::string_view::npos) return whole;
  const auto first = number(header.substr(0, dash)), last = number(header.substr(dash + 1));
  if (dash == 0) {  // the last n bytes
    if (!last) return whole;
    if (*last == 0 || size == 0) return {416, {}};
    const uint64_t count = std::min(*last, size);
    return {206, {size - count, count}};
  }
  if (!first || (!last && dash + 1 != header.size()) || (last && *last < *first)) return whole;
  if (*first >= size) return {416, {}};
  const uint64_t end = last ? std::min(*last, size - 1) : size - 1;
  return {206, {*first, end - *first + 1}};
}

}  // namespace rookery::server
