// Tagged values, the encoding between nodes. A reader skips tags that it does not know, so a newer node may add some
// and an older one still understands the rest: nodes of neighbouring versions talk to each other during an upgrade.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rookery::server::cluster {

/// Appends `key = tag << 1 | kind` (varint), then a varint (kind 0) or a length and bytes (kind 1).
class TlvWriter {
 public:
  explicit TlvWriter(std::string& out) : out_(out) {}

  void number(uint32_t tag, uint64_t value);
  void text(uint32_t tag, std::string_view value);
  /// Only what differs from the default is sent.
  void number_unless_zero(uint32_t tag, uint64_t value) {
    if (value != 0) number(tag, value);
  }
  void text_unless_empty(uint32_t tag, std::string_view value) {
    if (!value.empty()) text(tag, value);
  }

 private:
  void varint(uint64_t value);
  std::string& out_;
};

/// Walks the values of one record; views into it.
class TlvReader {
 public:
  struct Field {
    uint32_t tag = 0;
    bool is_text = false;
    uint64_t number = 0;
    std::string_view text;
  };

  explicit TlvReader(std::string_view bytes) : rest_(bytes) {}
  /// nullopt at the end, or where the bytes make no sense: see malformed().
  std::optional<Field> next();
  bool malformed() const { return malformed_; }

 private:
  std::optional<uint64_t> varint();
  std::string_view rest_;
  bool malformed_ = false;
};

}  // namespace rookery::server::cluster
