// The head of an HTTP/1.1 request (RFC 9112), parsed strictly: what two parsers could read differently is refused.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rookery::server {

struct HttpRequest {
  std::string method;  ///< as sent: methods are case-sensitive
  std::string path;    ///< of the target, still percent-encoded; begins with '/', or is "*"
  std::string query;   ///< behind '?', still encoded
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::optional<uint64_t> content_length;
  bool keep_alive = true;
  bool expects_continue = false;

  /// The first value; empty when there is none.
  std::string_view header(std::string_view lower_case_name) const;
  /// Does the comma-separated header hold this token, in any case?
  bool has_token(std::string_view lower_case_name, std::string_view token) const;
};

/// `head` ends with the empty line. The error is the HTTP status to answer with (400, 411, 501, 505).
std::expected<HttpRequest, int> parse_request_head(std::string_view head);

/// Collects bytes until a head is complete.
class RequestReader {
 public:
  explicit RequestReader(size_t most_bytes) : most_bytes_(most_bytes) {}
  /// Takes what belongs to the head and returns how much that was; after a head or an error nothing more is taken.
  size_t feed(std::string_view bytes);
  bool has_begun() const { return !head_.empty(); }
  /// The request or the status of its refusal, once; nothing while the head is not complete.
  std::optional<std::expected<HttpRequest, int>> next();

 private:
  size_t most_bytes_;
  std::string head_;
  bool complete_ = false;
  bool too_long_ = false;
};

/// Reverses percent-encoding; nothing when it is malformed.
std::optional<std::string> percent_decode(std::string_view text);
/// Encodes all but RFC 3986's unreserved characters.
std::string percent_encode(std::string_view text);
/// The decoded value of `name` in "a=1&b=2".
std::optional<std::string> query_value(std::string_view query, std::string_view name);

}  // namespace rookery::server
