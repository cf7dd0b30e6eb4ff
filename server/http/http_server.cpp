#include "server/http/http_server.h"

#include <arpa/inet.h>

#include <algorithm>

#include "server/node.h"

namespace rookery::server {

namespace {

bool is_address(const std::string& text) {
  in6_addr six{};
  in_addr four{};
  return inet_pton(AF_INET, text.c_str(), &four) == 1 || inet_pton(AF_INET6, text.c_str(), &six) == 1;
}

std::string last_of_list(std::string& list) {
  const auto comma = list.rfind(',');
  std::string last = comma == std::string::npos ? list : list.substr(comma + 1);
  list.resize(comma == std::string::npos ? 0 : comma);
  std::erase(last, ' ');
  std::erase(last, '\t');
  return last;
}

}  // namespace

void HttpServer::serve(std::string path, HttpHandler handler) {
  ensure(find(path) == nullptr);
  routes_.emplace_back(std::move(path), std::move(handler));
}

const HttpHandler* HttpServer::find(std::string_view path) const {
  for (const auto& [prefix, handler] : routes_) {
    if (path == prefix || (prefix.ends_with('/') && path.starts_with(prefix))) return &handler;
  }
  return nullptr;
}

bool HttpServer::is_open() const { return !node_.config().http.empty() || !node_.config().http_plain.empty(); }

std::string HttpServer::public_url(const std::string& domain) const {
  const Config& config = node_.config();
  if (!config.http_public_url.empty()) return config.http_public_url;
  if (!config.http.empty()) {
    const auto& address = config.http.front();
    const std::string port = address.substr(address.rfind(':') + 1);
    return "https://" + domain + (port == "443" ? "" : ":" + port);
  }
  // Only a proxy's address in front of http.plain: the usual one, unless http.public_url says otherwise.
  return "https://" + domain;
}

bool HttpServer::is_trusted_proxy(const std::string& ip) const {
  const auto& trusted = node_.config().http_trusted_proxies;
  return std::ranges::find(trusted, ip) != trusted.end();
}

std::string HttpServer::client_ip(const std::string& peer_ip, const HttpRequest& request) const {
  std::string ip = peer_ip;
  std::string forwarded(request.header("x-forwarded-for"));
  // From the right: each trusted proxy has appended whom it saw; what stands left of that anyone may have written.
  while (is_trusted_proxy(ip) && !forwarded.empty()) {
    std::string next = last_of_list(forwarded);
    if (!is_address(next)) break;
    ip = std::move(next);
  }
  return ip;
}

Status HttpServer::open_listeners() {
  if (const Status opened = listen(node_.config().http, true); !opened) return opened;
  return listen(node_.config().http_plain, false);
}

Status HttpServer::listen(const std::vector<std::string>& addresses, bool tls) {
  for (const auto& address : addresses) {
    for (auto& loop : node_.loops()) {
      const Status opened =
          node_.listen(address, *loop, [this, &loop = *loop, tls, address](int fd, const std::string& ip) {
            HttpConnection::accept(*this, loop, fd, ip, tls, address);
          });
      if (!opened) return opened;
    }
  }
  return {};
}

}  // namespace rookery::server
