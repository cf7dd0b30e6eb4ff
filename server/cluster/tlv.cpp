#include "server/cluster/tlv.h"

namespace rookery::server::cluster {

void TlvWriter::varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
  out_ += static_cast<char>(value);
}

void TlvWriter::number(uint32_t tag, uint64_t value) {
  varint(uint64_t{tag} << 1);
  varint(value);
}

void TlvWriter::text(uint32_t tag, std::string_view value) {
  varint(uint64_t{tag} << 1 | 1);
  varint(value.size());
  out_.append(value);
}

std::optional<uint64_t> TlvReader::varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
  malformed_ = true;
  return std::nullopt;
}

std::optional<TlvReader::Field> TlvReader::next() {
  if (rest_.empty() || malformed_) return std::nullopt;
  const auto key = varint();
  const auto value = key ? varint() : std::nullopt;
  if (!value) return std::nullopt;
  Field field{.tag = static_cast<uint32_t>(*key >> 1), .is_text = (*key & 1) != 0, .number = *value, .text = {}};
  if (!field.is_text) return field;
  if (*value > rest_.size()) {
    malformed_ = true;
    return std::nullopt;
  }
  field.text = rest_.substr(0, *value);
  rest_.remove_prefix(*value);
  return field;
}

}  // namespace rookery::server::cluster
