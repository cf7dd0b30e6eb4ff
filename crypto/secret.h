// A value that must not outlive its use in memory, in a log or in a comparison.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace rookery::crypto {

/// Holds a password, token or key. Movable, not copyable; overwritten with zeros when it goes. It has no operator== and
/// no stream operator on purpose: compare with matches(), and write reveal() where the bytes are really needed.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view value);
  /// Takes a temporary over and wipes it, small-string buffer included.
  explicit Secret(std::string&& value);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  /// Constant time for equal sizes (REQUIREMENTS 12). An empty secret matches nothing, not even "".
  bool matches(std::string_view candidate) const;
  /// Valid as long as this object.
  std::string_view reveal() const { return {data_.get(), size_}; }
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  /// For the rare second owner; copies are written out, never implicit.
  Secret duplicate() const { return Secret(reveal()); }

 private:
  void wipe() noexcept;
  std::unique_ptr<char[]> data_;
  size_t size_ = 0;
};

/// Overwrites a string's bytes, then empties it.
void cleanse(std::string& text) noexcept;

}  // namespace rookery::crypto
