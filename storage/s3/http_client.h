// HTTP requests to a store, over libcurl. Calls block; usable from several threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "crypto/result.h"

namespace rookery::storage::s3 {

struct HttpCall {
  std::string method, url;
  std::vector<std::pair<std::string, std::string>> headers;
  int body = -1;  ///< of a PUT: a file, sent from its beginning
  uint64_t body_bytes = 0;
};

struct HttpReply {
  long status = 0;
  uint64_t length = 0;  ///< what Content-Length says, also after HEAD
  std::string body;
};

class HttpClient {
 public:
  /// `ca_file`: whose certificates are believed; empty: the system's.
  explicit HttpClient(std::filesystem::path ca_file);
  ~HttpClient();

  /// Whatever the server answers; Failure::unavailable when it does not answer, in bounded time.
  Result<HttpReply> perform(const HttpCall& call);
  /// Calls under way end within a second, later ones at once.
  void stop() { stopping_ = true; }
  bool is_stopping() const { return stopping_; }

 private:
  class Handle;
  std::unique_ptr<Handle> take();
  void give_back(std::unique_ptr<Handle> handle);

  const std::filesystem::path ca_file_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Handle>> idle_;  ///< with their connections
};

}  // namespace rookery::storage::s3
