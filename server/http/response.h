// What answers an HTTP request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rookery::server {

struct HttpResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  /// A short answer for people, as text/plain.
  static HttpResponse text(int status, std::string_view sentence);
  HttpResponse& with(std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
    return *this;
  }
  /// Everything before the body. `length` is the body's, whether it is in `body` or follows.
  std::string head(uint64_t length, bool keep_alive) const;
};

}  // namespace rookery::server
