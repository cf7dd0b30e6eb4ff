// Values for the placeholders of a prepared statement, in PostgreSQL's binary formats.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"

namespace rookery::storage::postgres {

/// A column of many rows, for unnest(): one statement writes them all, whatever their number.
class Array {
 public:
  static Array of_text() { return Array(25); }
  static Array of_bytes() { return Array(17); }
  static Array of_integers() { return Array(20); }

  void add(std::string_view bytes);
  void add(int64_t number);
  void clear();
  bool empty() const { return count_ == 0; }
  size_t size() const { return count_; }
  size_t bytes() const { return text_.size(); }
  std::string_view encoded() const;

 private:
  explicit Array(uint32_t type) : type_(type) { clear(); }

  uint32_t type_;  ///< the oid of the elements' type
  uint32_t count_ = 0;
  mutable std::string text_;
};

/// What is added must outlive the execution, as text and bytes are not copied.
class Parameters {
 public:
  template <typename... Values>
  explicit Parameters(const Values&... values) {
    static_assert(sizeof...(Values) <= most);
    (add(values), ...);
  }

  explicit Parameters(const std::vector<Array>& arrays) {
    ensure(arrays.size() <= most);
    for (const Array& array : arrays) add(array);
  }

  int count() const { return static_cast<int>(count_); }
  const char* const* values() const { return values_.data(); }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }

  // Numbers point into this object.
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

 private:
  static constexpr size_t most = 12;

  void add(std::string_view bytes);
  void add(const Array& array) { add(array.encoded()); }
  void add(bool value);
  void add(std::nullptr_t);
  void add(std::integral auto number) { add_integer(static_cast<int64_t>(number)); }
  template <typename T>
  void add(const std::optional<T>& value) {
    if (value) {
      add(*value);
    } else {
      add(nullptr);
    }
  }
  void add_integer(int64_t number);

  size_t count_ = 0;
  std::array<const char*, most> values_{};
  std::array<int, most> lengths_{};
  std::array<int, most> formats_{};
  std::array<std::array<char, 8>, most> numbers_{};
};

}  // namespace rookery::storage::postgres
