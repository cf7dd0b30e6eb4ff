// Puts and gets files over HTTPS, without ever blocking. The only file that knows libcurl.
#pragma once

#include <poll.h>

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "crypto/result.h"

namespace rookery::client {

/// Only https, with a certificate that the system or `ca_file` vouches for; at most three redirects, to https. A
/// transfer that stands still for a minute fails. Callbacks come inside process().
class Http {
 public:
  using Done = std::function<void(Result<std::string>)>;

  explicit Http(std::string ca_file);
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  /// The content; Failure::full when it has more than `limit_bytes`.
  void get(const std::string& url, size_t limit_bytes, Done done);
  void put(const std::string& url, const std::vector<std::pair<std::string, std::string>>& headers, std::string content,
           Done done);
  bool busy() const;

  /// As poll(): for `others` and for its own connections.
  int wait(std::span<pollfd> others, std::chrono::milliseconds timeout) const;
  void process();

 private:
  struct State;
  struct Transfer;
  void start(std::unique_ptr<Transfer> transfer, const std::string& url);
  std::unique_ptr<State> state_;
};

}  // namespace rookery::client
