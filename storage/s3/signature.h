// Signature Version 4 of AWS, which S3-compatible stores ask for: in the headers of a request, or in the query of a
// link that somebody else may follow.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/secret.h"

namespace rookery::storage::s3 {

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// What is signed. Nothing in it is percent-encoded but the path.
struct Request {
  std::string method;
  std::string host;  ///< as in the Host header: with its port unless that is the scheme's own
  std::string path = "/";
  Pairs query;
  Pairs headers;  ///< names in lower case; host is added
};

struct Signer {
  std::string access_key;
  crypto::Secret secret_key;
  std::string region;

  /// The request's headers with x-amz-date, x-amz-content-sha256 and authorization. `payload_hash`: SHA-256 of the body
  /// in hex.
  Pairs sign(Request request, std::string_view payload_hash, std::chrono::sys_seconds now) const;
  /// The query with which anyone may make this request from `now` on, for at most seven days; the body is not signed.
  std::string presign(Request request, std::chrono::sys_seconds now, std::chrono::seconds lifetime) const;

 private:
  std::string signature(const Request& request, std::string_view payload_hash, const std::string& time) const;
  std::string scope(const std::string& time) const;
};

/// Percent-encodes all but RFC 3986's unreserved characters.
std::string uri_encode(std::string_view text);
std::string encode_query(Pairs query);

}  // namespace rookery::storage::s3
