#include "storage/s3/bucket.h"

#include <algorithm>
#include <thread>

#include "crypto/hash.h"

namespace rookery::storage::s3 {

namespace {

constexpr int most_tries = 3;
constexpr auto first_pause = std::chrono::milliseconds(100);
// Long enough for clocks that differ a little; whoever was sent there follows at once.
constexpr auto link_lifetime = std::chrono::seconds(300);
constexpr size_t most_code_bytes = 64;

std::chrono::sys_seconds now() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

/// 429 and 503 ask for patience, the others are a proxy's or the store's passing trouble.
bool is_worth_another_try(long status) { return status == 429 || status == 500 || (status >= 502 && status <= 504); }

/// <Code> of the store's answer: "SignatureDoesNotMatch", "NoSuchBucket", ….
std::string error_code(std::string_view body) {
  constexpr std::string_view opening = "<Code>";
  const auto begin = body.find(opening);
  if (begin == std::string_view::npos) return {};
  body.remove_prefix(begin + opening.size());
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  const auto end = std::ranges::find_if_not(body.substr(0, most_code_bytes), is_letter);
  return {body.begin(), end};
}

std::unexpected<Error> refusal(std::string_view doing, const HttpReply& reply) {
  const Failure kind = reply.status == 401 || reply.status == 403   ? Failure::denied
                       : reply.status == 404                        ? Failure::not_found
                       : reply.status == 409 || reply.status == 412 ? Failure::conflict
                       : reply.status == 507                        ? Failure::full
                       : is_worth_another_try(reply.status)         ? Failure::unavailable
                                                                    : Failure::io;
  const std::string code = error_code(reply.body);
  return fail(kind, "the object store refuses to " + std::string(doing) + ": " + std::to_string(reply.status) +
                        (code.empty() ? "" : " " + code));
}

}  // namespace

std::optional<Endpoint> parse_endpoint(std::string_view url, std::string bucket, bool path_style) {
  const bool is_https = url.starts_with("https://");
  if (!is_https && !url.starts_with("http://")) return std::nullopt;
  url.remove_prefix(is_https ? 8 : 7);
  if (url.ends_with('/')) url.remove_suffix(1);
  if (url.empty() || url.find_first_of("/?#@ ") != std::string_view::npos) return std::nullopt;
  const std::string_view usual_port = is_https ? ":443" : ":80";
  if (url.ends_with(usual_port)) url.remove_suffix(usual_port.size());
  return Endpoint{.scheme = is_https ? "https" : "http",
                  .host = path_style ? std::string(url) : bucket + "." + std::string(url),
                  .path_style = path_style,
                  .bucket = std::move(bucket)};
}

Request Endpoint::request(std::string method, std::string_view key) const {
  std::string path = path_style ? "/" + uri_encode(bucket) : "";
  if (!key.empty() || path.empty()) path += "/" + uri_encode(key);
  return {.method = std::move(method), .host = host, .path = std::move(path), .query = {}, .headers = {}};
}

std::string Endpoint::url(const Request& request) const { return scheme + "://" + host + request.path; }

Result<HttpReply> Bucket::perform(const Request& request, const Body& body) {
  const std::string hash = body.file < 0 ? crypto::hex_encode(crypto::digest(crypto::Hash::sha256, "")) : body.sha256;
  const std::string query = encode_query(request.query);
  for (int tries = 1;; ++tries) {
    const HttpCall call{.method = request.method,
                        .url = endpoint_.url(request) + (query.empty() ? "" : "?" + query),
                        .headers = signer_.sign(request, hash, now()),
                        .body = body.file,
                        .body_bytes = body.bytes};
    auto reply = client_.perform(call);
    const bool is_final = reply && !is_worth_another_try(reply->status);
    if (is_final || tries == most_tries || client_.is_stopping()) {
      if (!reply) return std::unexpected(Error{reply.error().failure, "the object store: " + reply.error().message});
      return reply;
    }
    std::this_thread::sleep_for(first_pause * (1 << (2 * (tries - 1))));
  }
}

// If-None-Match would say it in one request, but some stores answer 501 to it and some pass it over. Whoever writes has
// claimed the key (storage/uploads.h), so nobody else is writing it now.
Status Bucket::put(std::string_view key, const Body& body) {
  const auto there = size(key);
  if (there) return fail(Failure::conflict, "the object store has a file with this key");
  if (there.error().failure != Failure::not_found) return std::unexpected(there.error());
  Request request = endpoint_.request("PUT", key);
  request.headers = {{"content-type", "application/octet-stream"}};  // what gets around our headers is no page either
  const auto reply = perform(request, body);
  if (!reply) return std::unexpected(reply.error());
  if (reply->status != 200 && reply->status != 201) return refusal("store", *reply);
  return {};
}

Result<uint64_t> Bucket::size(std::string_view key) {
  const auto answer = perform(endpoint_.request("HEAD", key));
  if (!answer) return std::unexpected(answer.error());
  if (answer->status != 200) return refusal("tell of a file", *answer);
  return answer->length;
}

Result<std::string> Bucket::read(std::string_view key, uint64_t offset, uint64_t count) {
  Request request = endpoint_.request("GET", key);
  request.headers = {{"range", "bytes=" + std::to_string(offset) + "-" + std::to_string(offset + count - 1)}};
  auto answer = perform(request);
  if (!answer) return std::unexpected(answer.error());
  auto& reply = *answer;
  if (reply.status != 206) return refusal("give a part of a file", reply);
  if (reply.body.size() != count) return fail(Failure::io, "the object store gave another part than was asked for");
  return std::move(reply.body);
}

Status Bucket::remove(std::string_view key) {
  const auto answer = perform(endpoint_.request("DELETE", key));
  if (!answer) return std::unexpected(answer.error());
  const long status = answer->status;
  if (status == 200 || status == 204) return {};
  // 404 also says that there is no such bucket, which must not pass for "deleted".
  if (status == 404 && error_code(answer->body) == "NoSuchKey") return {};
  return refusal("delete", *answer);
}

// Not HEAD, whose answer has no body that says what is wrong.
Status Bucket::check() {
  Request request = endpoint_.request("GET", "");
  request.query = {{"list-type", "2"}, {"max-keys", "1"}};
  const auto answer = perform(request);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status != 200) return refusal("show the bucket " + endpoint_.bucket, *answer);
  return {};
}

std::string Bucket::link(std::string_view key, const BlobLink& link) const {
  if (!public_endpoint_) return {};
  Request request = public_endpoint_->request(std::string(link.method), key);
  request.query = {{"response-content-type", link.type}, {"response-content-disposition", link.disposition}};
  return public_endpoint_->url(request) + "?" + signer_.presign(request, now(), link_lifetime);
}

}  // namespace rookery::storage::s3
