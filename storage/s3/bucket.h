// One bucket: requests that are signed, tried again where that helps, and whose refusals become Errors.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage/blobs.h"
#include "storage/s3/http_client.h"
#include "storage/s3/signature.h"

namespace rookery::storage::s3 {

/// "scheme://host[:port]", taken apart.
struct Endpoint {
  std::string scheme, host;  ///< host: with its port unless that is the scheme's own
  bool path_style = true;
  std::string bucket;

  /// What a request for `key` (empty: for the bucket itself) is addressed to.
  Request request(std::string method, std::string_view key) const;
  std::string url(const Request& request) const;  ///< without the query
};
/// Nothing when it is no "http://" or "https://" URL of a host alone.
std::optional<Endpoint> parse_endpoint(std::string_view url, std::string bucket, bool path_style);

struct Body {
  int file = -1;
  uint64_t bytes = 0;
  std::string sha256;  ///< hex
};

class Bucket {
 public:
  Bucket(Endpoint endpoint, std::optional<Endpoint> public_endpoint, Signer signer, std::filesystem::path ca_file)
      : endpoint_(std::move(endpoint)),
        public_endpoint_(std::move(public_endpoint)),
        signer_(std::move(signer)),
        client_(std::move(ca_file)) {}

  /// Stores the body, durably when it returns. Failure::conflict when there is such a key, as far as the store can
  /// tell.
  Status put(std::string_view key, const Body& body);
  Result<uint64_t> size(std::string_view key);
  Result<std::string> read(std::string_view key, uint64_t offset, uint64_t count);
  Status remove(std::string_view key);
  Status check();
  std::string link(std::string_view key, const BlobLink& link) const;
  void stop() { client_.stop(); }

 private:
  Result<HttpReply> perform(const Request& request, const Body& body = {});

  const Endpoint endpoint_;
  const std::optional<Endpoint> public_endpoint_;
  const Signer signer_;
  HttpClient client_;
};

}  // namespace rookery::storage::s3
