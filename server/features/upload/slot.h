// An upload slot (XEP-0363 §4): the right to put one certain file, bound by HMAC, so that nothing need be stored for
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "xmpp/jid.h"

namespace rookery::server {

struct UploadSlot {
  std::string id;    ///< 128 random bits
  std::string name;  ///< as safe_file_name() made it
  std::string type;  ///< media type in lower case; empty: not said
  uint64_t size_bytes = 0;
  xmpp::Jid account;  ///< bare
  int64_t until = 0;  ///< seconds since 1970

  std::string signature(std::string_view key) const;
  bool is_signed(std::string_view key, std::string_view signature) const;
  /// "/ID/NAME?until=…&by=…&key=…", and the same without the query for whoever downloads.
  std::string put_path(std::string_view key) const;
  std::string get_path() const;
};

/// The last part of a path, without control characters, at most 200 bytes with its ending kept; never empty, "." or
/// "..".
std::string safe_file_name(std::string_view name);

/// "type/subtype" (RFC 9110 §8.3.1) with parameters of visible characters, in lower case; without them where they have
/// a comma. Nothing when it is not of that form.
std::optional<std::string> media_type(std::string_view text);

/// May a browser show it in place of saving it? No for whatever can carry scripts.
bool is_shown(std::string_view type);

/// RFC 9110 §14: what part of `size` bytes is asked for.
struct ByteRange {
  uint64_t first = 0, count = 0;
};
struct RangeAnswer {
  int status = 200;  ///< 200: the whole, also when the header is malformed or asks for several ranges; 206; 416
  ByteRange range;
};
RangeAnswer parse_range(std::string_view header, uint64_t size);

}  // namespace rookery::server
