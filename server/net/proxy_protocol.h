// PROXY protocol version 2 (haproxy.org/download/2.6/doc/proxy-protocol.txt): a load balancer says in front of a
// connection whose it is. Version 1, which is text, is not spoken.
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/loop.h"
#include "server/net/address.h"
#include "server/net/listener.h"

namespace rookery::server {

struct ProxyHeader {
  std::string client_ip;  ///< empty: the proxy itself has something to say (LOCAL, §2.2), a health check
};

/// The header's whole length as soon as its first proxy_head_bytes are there; the error is a reason for the log.
inline constexpr size_t proxy_head_bytes = 16;
std::expected<size_t, std::string_view> proxy_header_size(std::string_view head);
/// `header` has exactly that length. Strict: TCP over IPv4 or IPv6 only, well-formed TLVs, a right checksum where there
/// is one.
std::expected<ProxyHeader, std::string_view> parse_proxy_header(std::string_view header);

/// What a listener of a load balancer does with a connection: refuses it unless a proxy made it, reads the header and
/// not a byte more, and hands the socket on as the client's.
class ProxyGate {
 public:
  ProxyGate(Loop& loop, Networks proxies, Listener::Accept accept);
  ~ProxyGate();  ///< closes what has not sent its header
  void take(int fd, const std::string& peer_ip);

 private:
  class Pending;
  void finish(Pending& pending, std::expected<ProxyHeader, std::string_view> header);

  Loop& loop_;
  const Networks proxies_;
  const Listener::Accept accept_;
  std::vector<std::unique_ptr<Pending>> pending_;
};

}  // namespace rookery::server
