#include "crypto/secret.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "crypto/hash.h"

namespace rookery::crypto {

Secret::Secret(std::string_view value) : data_(new char[value.size()]), size_(value.size()) {
  std::copy(value.begin(), value.end(), data_.get());
}

Secret::Secret(std::string&& value) : Secret(std::string_view(value)) { cleanse(value); }

Secret::Secret(Secret&& other) noexcept : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  wipe();
  data_ = std::move(other.data_);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

Secret::~Secret() { wipe(); }

bool Secret::matches(std::string_view candidate) const {
  return !empty() && equal_in_constant_time(reveal(), candidate);
}

void Secret::wipe() noexcept {
  if (data_) OPENSSL_cleanse(data_.get(), size_);
}

void cleanse(std::string& text) noexcept {
  // The capacity holds what earlier, longer values left behind; resizing within it does not allocate.
  text.resize(text.capacity());
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

}  // namespace rookery::crypto
