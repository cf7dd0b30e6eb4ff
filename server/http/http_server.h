// The listeners of [http] and the table of what is served where.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/http/http_connection.h"
#include "server/net/listener.h"

namespace rookery::server {

class Node;

/// Answers one request, now or later, on the connection's loop.
using HttpHandler = std::function<void(std::shared_ptr<HttpConnection>)>;

class HttpServer {
 public:
  explicit HttpServer(Node& node) : node_(node) {}

  /// Serves `path`, and what is below it when it ends with '/'. Only before the listeners open.
  void serve(std::string path, HttpHandler handler);
  const HttpHandler* find(std::string_view path) const;

  Status open_listeners();
  /// Listens for this server's routes alone.
  Status listen(const std::vector<std::string>& addresses, bool tls);
  /// Is there any listener, so that URLs of ours lead somewhere?
  bool is_open() const;
  /// "https://host:port" as clients reach us, without a slash at the end: http.public_url, or `domain` and the first
  /// port.
  std::string public_url(const std::string& domain) const;
  bool is_trusted_proxy(const std::string& ip) const;
  std::string client_ip(const std::string& peer_ip, const HttpRequest& request) const;
  Node& node() const { return node_; }

 private:
  Node& node_;
  std::vector<std::pair<std::string, HttpHandler>> routes_;
};

}  // namespace rookery::server
