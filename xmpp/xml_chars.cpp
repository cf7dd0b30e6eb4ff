#include "xmpp/xml_chars.h"

#include <cstdint>
#include <cstring>

namespace rookery::xmpp {
namespace {

constexpr uint64_t repeat(uint8_t byte) { return 0x0101010101010101ull * byte; }

/// Eight bytes, all of them in 0x20..0x7f?
bool eight_plain(const char* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return ((word | (word - repeat(0x20))) & repeat(0x80)) == 0;
}

bool is_continuation(uint8_t byte) { return (byte & 0xc0) == 0x80; }

struct Sequence {
  size_t length = 0;  ///< 0: the end is missing
  TextFault fault = TextFault::none;
};

/// RFC 3629 §4: the second byte's range depends on the first, the others are 80..BF.
Sequence multibyte(const uint8_t* at, size_t available) {
  const uint8_t lead = at[0];
  if (lead < 0xc2 || lead > 0xf4) return {0, TextFault::encoding};
  const size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (available > 1) {
    const uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high) return {0, TextFault::encoding};
  }
  for (size_t i = 2; i < length && i < available; ++i) {
    if (!is_continuation(at[i])) return {0, TextFault::encoding};
  }
  if (available < length) return {};
  if (lead == 0xef && at[1] == 0xbf && at[2] >= 0xbe) return {0, TextFault::character};
  return {length, TextFault::none};
}

}  // namespace

TextCheck check_text(std::string_view bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const size_t size = bytes.size();
  size_t i = 0;
  while (i < size) {
    if (size - i >= 8 && eight_plain(bytes.data() + i)) {
      i += 8;
      continue;
    }
    const uint8_t byte = data[i];
    if (byte < 0x80) {
      if (byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t') return {i, TextFault::character};
      ++i;
      continue;
    }
    const Sequence sequence = multibyte(data + i, size - i);
    if (sequence.length == 0) return {i, sequence.fault};
    i += sequence.length;
  }
  return {size, TextFault::none};
}

bool is_legal_text(std::string_view bytes) { return check_text(bytes).valid == bytes.size(); }

std::string replace_illegal(std::string_view bytes) {
  std::string out;
  while (true) {
    const size_t valid = check_text(bytes).valid;
    out.append(bytes.substr(0, valid));
    if (valid == bytes.size()) return out;
    out.append("\xef\xbf\xbd");
    bytes.remove_prefix(valid + 1);
    while (!bytes.empty() && is_continuation(static_cast<uint8_t>(bytes.front()))) bytes.remove_prefix(1);
  }
}

}  // namespace rookery::xmpp
