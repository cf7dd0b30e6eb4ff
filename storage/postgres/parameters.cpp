#include "storage/postgres/parameters.h"

namespace rookery::storage::postgres {

namespace {

constexpr int binary = 1;
constexpr size_t array_head_bytes = 20;  // dimensions, has nulls, element type, size, lower bound: 4 bytes each

template <typename Number>
void append_big_endian(std::string& out, Number number) {
  for (int shift = 8 * (sizeof(Number) - 1); shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}

}  // namespace

void Array::clear() {
  count_ = 0;
  text_.clear();
  append_big_endian<uint32_t>(text_, 1);
  append_big_endian<uint32_t>(text_, 0);
  append_big_endian<uint32_t>(text_, type_);
  append_big_endian<uint32_t>(text_, 0);  // the size, see encoded()
  append_big_endian<uint32_t>(text_, 1);
}

void Array::add(std::string_view bytes) {
  append_big_endian(text_, static_cast<uint32_t>(bytes.size()));
  text_ += bytes;
  ++count_;
}

void Array::add(int64_t number) {
  append_big_endian<uint32_t>(text_, sizeof(number));
  append_big_endian(text_, static_cast<uint64_t>(number));
  ++count_;
}

std::string_view Array::encoded() const {
  std::string size;
  append_big_endian(size, count_);
  text_.replace(12, sizeof(count_), size);
  static_assert(12 + sizeof(count_) < array_head_bytes);
  return text_;
}

void Parameters::add(std::string_view bytes) {
  values_[count_] = bytes.empty() ? "" : bytes.data();  // an empty view may have no address, which would be NULL
  lengths_[count_] = static_cast<int>(bytes.size());
  formats_[count_++] = binary;
}

void Parameters::add(bool value) {
  numbers_[count_][0] = value ? 1 : 0;
  values_[count_] = numbers_[count_].data();
  lengths_[count_] = 1;
  formats_[count_++] = binary;
}

void Parameters::add(std::nullptr_t) {
  values_[count_] = nullptr;
  formats_[count_++] = binary;
}

void Parameters::add_integer(int64_t number) {
  auto& bytes = numbers_[count_];
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(static_cast<uint64_t>(number) >> (56 - 8 * i));
  values_[count_] = bytes.data();
  lengths_[count_] = static_cast<int>(bytes.size());
  formats_[count_++] = binary;
}

}  // namespace rookery::storage::postgres
