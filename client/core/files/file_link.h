// A message that is a file: the address of an upload (XEP-0363), with the key to it when it is encrypted (XEP-0454).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crypto/result.h"

namespace rookery::client {

struct FileLink {
  std::string url;      ///< https, without the key
  std::string key, iv;  ///< 32 and 12 bytes; empty: what lies there is not encrypted
  std::string name;     ///< see safe_file_name()

  /// XEP-0454 §5: strict. The whole text is one aesgcm address (perhaps with a thumbnail in a second line), or one
  /// https address that ends in a file's name.
  static std::optional<FileLink> parse(std::string_view text);
  /// With a fresh key, for what is to be uploaded.
  static FileLink with_key();
  bool is_encrypted() const { return !key.empty(); }
  /// What stands in the message.
  std::string to_text() const;

  std::string seal(std::string_view content) const;
  /// Failure::denied when it is not what the sender has encrypted.
  Result<std::string> open(std::string_view content) const;
};

/// The last part of a path or address as a name for a new file: no folder, nothing hidden, no control characters, at
/// most 120 bytes. "file" when nothing is left (REQUIREMENTS 34).
std::string safe_file_name(std::string_view path);

}  // namespace rookery::client
