#include "storage/s3/signature.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "crypto/hash.h"

namespace rookery::storage::s3 {

namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

std::string hmac(std::string_view key, std::string_view text) { return crypto::hmac(crypto::Hash::sha256, key, text); }

/// "20130524T000000Z"
std::string time_text(std::chrono::sys_seconds when) {
  const std::time_t seconds = when.time_since_epoch().count();
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 20> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &utc)};
}

std::string date_of(const std::string& time) { return time.substr(0, 8); }

std::string signed_names(const Request& request) {
  std::string names;
  for (const auto& [name, value] : request.headers) names += (names.empty() ? "" : ";") + name;
  return names;
}

void add_host(Request& request) {
  request.headers.emplace_back("host", request.host);
  std::ranges::sort(request.headers);
}

}  // namespace

std::string uri_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool is_letter_or_digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (is_letter_or_digit || std::string_view("-._~").find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

std::string encode_query(Pairs query) {
  for (auto& [name, value] : query) name = uri_encode(name), value = uri_encode(value);
  std::ranges::sort(query);  // by encoded names, as a canonical request has them
  std::string out;
  for (const auto& [name, value] : query) out.append(out.empty() ? "" : "&").append(name).append("=").append(value);
  return out;
}

std::string Signer::scope(const std::string& time) const { return date_of(time) + "/" + region + "/s3/aws4_request"; }

std::string Signer::signature(const Request& request, std::string_view payload_hash, const std::string& time) const {
  std::string canonical = request.method + "\n" + request.path + "\n" + encode_query(request.query) + "\n";
  for (const auto& [name, value] : request.headers) canonical.append(name).append(":").append(value).append("\n");
  canonical.append("\n").append(signed_names(request)).append("\n").append(payload_hash);
  const std::string hash = crypto::hex_encode(crypto::digest(crypto::Hash::sha256, canonical));
  const std::string to_sign = std::string(algorithm) + "\n" + time + "\n" + scope(time) + "\n" + hash;
  const std::string of_day = hmac("AWS4" + std::string(secret_key.reveal()), date_of(time));
  return crypto::hex_encode(hmac(hmac(hmac(hmac(of_day, region), "s3"), "aws4_request"), to_sign));
}

Pairs Signer::sign(Request request, std::string_view payload_hash, std::chrono::sys_seconds now) const {
  const std::string time = time_text(now);
  request.headers.emplace_back("x-amz-content-sha256", payload_hash);
  request.headers.emplace_back("x-amz-date", time);
  add_host(request);
  request.headers.emplace_back("authorization", std::string(algorithm) + " Credential=" + access_key + "/" +
                                                    scope(time) + ", SignedHeaders=" + signed_names(request) +
                                                    ", Signature=" + signature(request, payload_hash, time));
  return std::move(request.headers);
}

std::string Signer::presign(Request request, std::chrono::sys_seconds now, std::chrono::seconds lifetime) const {
  const std::string time = time_text(now);
  add_host(request);
  request.query.insert(request.query.end(), {{"X-Amz-Algorithm", std::string(algorithm)},
                                             {"X-Amz-Credential", access_key + "/" + scope(time)},
                                             {"X-Amz-Date", time},
                                             {"X-Amz-Expires", std::to_string(lifetime.count())},
                                             {"X-Amz-SignedHeaders", signed_names(request)}});
  const std::string signed_by = signature(request, "UNSIGNED-PAYLOAD", time);
  return encode_query(std::move(request.query)) + "&X-Amz-Signature=" + signed_by;
}

}  // namespace rookery::storage::s3
