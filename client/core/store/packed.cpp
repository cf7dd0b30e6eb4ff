#include "client/core/store/packed.h"

#include <charconv>

namespace rookery::client {

namespace {

void append(std::string& out, std::string_view field) {
  const auto size = static_cast<uint32_t>(field.size());
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(size >> shift & 0xff);
  out += field;
}

}  // namespace

std::string pack(std::initializer_list<std::string_view> fields) {
  std::string out;
  for (const auto field : fields) append(out, field);
  return out;
}

std::string pack(const std::vector<std::string>& fields) {
  std::string out;
  for (const auto& field : fields) append(out, field);
  return out;
}

std::optional<std::vector<std::string>> unpack(std::string_view packed, size_t at_least) {
  std::vector<std::string> fields;
  while (!packed.empty()) {
    if (packed.size() < 4) return std::nullopt;
    uint32_t size = 0;
    for (int byte = 0; byte < 4; ++byte)
      size |= static_cast<uint32_t>(static_cast<uint8_t>(packed[byte])) << (8 * byte);
    packed.remove_prefix(4);
    if (size > packed.size()) return std::nullopt;
    fields.emplace_back(packed.substr(0, size));
    packed.remove_prefix(size);
  }
  if (fields.size() < at_least) return std::nullopt;
  return fields;
}

int64_t number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

}  // namespace rookery::client
