// Bytes of a client as the heads of HTTP requests (RFC 9112). What was taken must be a head that can be framed in one
// way.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "server/features/upload/slot.h"
#include "server/http/request.h"

using namespace rookery::server;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  RequestReader reader(1024);
  size_t at = 0;
  while (at < bytes.size()) {
    const size_t used = reader.feed(bytes.substr(at, 7));
    at += used;
    auto got = reader.next();
    if (!got) {
      if (used == 0) __builtin_trap();
      continue;
    }
    if (!*got) break;
    const HttpRequest& request = **got;
    if (request.path.empty() || (request.path[0] != '/' && request.path != "*")) __builtin_trap();
    if (!request.header("transfer-encoding").empty()) __builtin_trap();
    for (const auto& [name, value] : request.headers) {
      if (name.empty() || value.find_first_of("\r\n") != std::string::npos || value.find('\0') != std::string::npos)
        __builtin_trap();
    }
    if (const auto path = percent_decode(request.path)) (void)percent_encode(*path);
    (void)query_value(request.query, "key");
    const auto range = parse_range(request.header("range"), 1000);
    if (range.status != 416 && range.range.first + range.range.count > 1000) __builtin_trap();
    if (const auto name = safe_file_name(request.path);
        name.find('/') != std::string::npos || safe_file_name(name) != name)
      __builtin_trap();
  }
  return 0;
}
