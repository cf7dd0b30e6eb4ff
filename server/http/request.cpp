#include "server/http/request.h"

#include <algorithm>
#include <charconv>

namespace rookery::server {

namespace {

constexpr size_t most_headers = 100;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

/// RFC 9110 §5.6.2
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

/// RFC 9110 §5.5: no control characters but the tab.
bool is_field_value(std::string_view text) {
  return std::ranges::none_of(text,
                              [](char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f; });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// RFC 9112 §3: method SP request-target SP HTTP-version. The status of the refusal, 0 when it is right.
int parse_request_line(std::string_view line, HttpRequest& request) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return 400;
  const auto method = line.substr(0, first);
  auto target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  if (!is_token(method) || target.empty() || !is_visible(target)) return 400;
  if (version.size() != 8 || !version.starts_with("HTTP/")) return 400;
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return 505;
  request.keep_alive = version == "HTTP/1.1";
  // RFC 9112 §3.2.2: absolute-form must be understood.
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equal_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const auto slash = target.find_first_of("/?", scheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
    break;
  }
  if (!target.starts_with('/') && target != "*") return 400;
  const auto question = target.find('?');
  request.method = method;
  request.path = target.substr(0, question);
  if (question != std::string_view::npos) request.query = target.substr(question + 1);
  return 0;
}

int parse_field(std::string_view line, HttpRequest& request) {
  // RFC 9112 §5: no white space before the colon, no line folding (§5.2).
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return 400;
  const auto value = trim(line.substr(colon + 1));
  if (!is_field_value(value)) return 400;
  std::string name(line.substr(0, colon));
  std::ranges::transform(name, name.begin(), lower);
  request.headers.emplace_back(std::move(name), value);
  return request.headers.size() > most_headers ? 431 : 0;
}

size_t count(const HttpRequest& request, std::string_view name) {
  return static_cast<size_t>(
      std::ranges::count(request.headers, name, [](const auto& header) -> std::string_view { return header.first; }));
}

/// RFC 9112 §6: what frames the body, where request smuggling lives.
int interpret(HttpRequest& request, bool is_1_1) {
  if (count(request, "host") > 1 || (is_1_1 && count(request, "host") == 0)) return 400;
  const auto lengths = count(request, "content-length");
  if (count(request, "transfer-encoding") > 0) return lengths > 0 ? 400 : 411;  // §6.3: a length may be insisted on
  if (lengths > 1) return 400;
  if (lengths == 1) {
    const auto text = request.header("content-length");
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return 400;
    request.content_length = value;
  }
  if (request.has_token("connection", "close")) request.keep_alive = false;
  if (!is_1_1 && request.has_token("connection", "keep-alive")) request.keep_alive = true;
  request.expects_continue = is_1_1 && equal_ignoring_case(request.header("expect"), "100-continue");
  return 0;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
  const auto found =
      std::ranges::find(headers, name, [](const auto& header) -> std::string_view { return header.first; });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

bool HttpRequest::has_token(std::string_view name, std::string_view token) const {
  for (const auto& [key, value] : headers) {
    if (key != name) continue;
    for (std::string_view rest = value; !rest.empty();) {
      const auto comma = rest.find(',');
      if (equal_ignoring_case(trim(rest.substr(0, comma)), token)) return true;
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
  }
  return false;
}

std::expected<HttpRequest, int> parse_request_head(std::string_view head) {
  HttpRequest request;
  bool is_first = true;
  bool is_1_1 = false;
  while (true) {
    const auto end = head.find("\r\n");
    if (end == std::string_view::npos) return std::unexpected(400);
    const auto line = head.substr(0, end);
    head.remove_prefix(end + 2);
    if (line.empty()) break;
    const int problem = is_first ? parse_request_line(line, request) : parse_field(line, request);
    if (problem != 0) return std::unexpected(problem);
    if (is_first) is_1_1 = request.keep_alive;
    is_first = false;
  }
  if (is_first || !head.empty()) return std::unexpected(400);
  if (const int problem = interpret(request, is_1_1); problem != 0) return std::unexpected(problem);
  return request;
}

size_t RequestReader::feed(std::string_view bytes) {
  if (complete_ || too_long_) return 0;
  size_t used = 0;
  // RFC 9112 §2.2: empty lines before a request are passed over.
  while (head_.empty() && used < bytes.size() && (bytes[used] == '\r' || bytes[used] == '\n')) ++used;
  const size_t before = head_.size();
  const auto fresh = bytes.substr(used, most_bytes_ + 1 - before);
  head_ += fresh;
  const auto end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
  if (end == std::string::npos) {
    too_long_ = head_.size() > most_bytes_;
    return used + fresh.size();
  }
  head_.resize(end + 4);
  complete_ = true;
  return used + head_.size() - before;
}

std::optional<std::expected<HttpRequest, int>> RequestReader::next() {
  if (too_long_) return std::unexpected(431);
  if (!complete_) return std::nullopt;
  complete_ = false;
  const std::string head = std::exchange(head_, {});
  return parse_request_head(head);
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if ((c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
        std::string_view("-._~").find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto pair = query.substr(0, end);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      return percent_decode(pair.substr(name.size() + 1));
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
  }
  return std::nullopt;
}

}  // namespace rookery::server
