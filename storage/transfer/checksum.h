// Counts rows and digests their values, in a form that does not depend on where they were read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/hash.h"

namespace rookery::storage::transfer {

class Checksum {
 public:
  void add(std::string_view value) {
    for (int shift = 56; shift >= 0; shift -= 8)
      buffer_ += static_cast<char>(static_cast<uint64_t>(value.size()) >> shift);
    buffer_ += value;
  }
  void add(int64_t value) { add(std::string_view(std::to_string(value))); }
  void end_row() {
    ++rows_;
    if (buffer_.size() >= block_bytes) fold();
  }
  size_t rows() const { return rows_; }
  std::string text() {
    fold();
    return crypto::hex_encode(state_);
  }

 private:
  static constexpr size_t block_bytes = 64 * 1024;
  void fold() {
    state_ = crypto::digest(crypto::Hash::sha256, state_ + buffer_);
    buffer_.clear();
  }

  size_t rows_ = 0;
  std::string state_, buffer_;
};

}  // namespace rookery::storage::transfer
