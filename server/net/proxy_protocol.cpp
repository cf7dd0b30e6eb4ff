#include "server/net/proxy_protocol.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "server/log.h"

namespace rookery::server {

namespace {

constexpr std::string_view signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr size_t longest_header =
    4096;  // addresses are 36 bytes; the rest are TLVs, of which a certificate's name is the largest
constexpr uint8_t version_2_local = 0x20, version_2_proxy = 0x21;
constexpr uint8_t tcp_over_ipv4 = 0x11, tcp_over_ipv6 = 0x21;
constexpr size_t ipv4_bytes = 12, ipv6_bytes = 36;  // two addresses, two ports
constexpr uint8_t tlv_checksum = 0x03;
constexpr auto header_timeout = std::chrono::seconds(5);  // a proxy sends it at once

uint8_t byte_at(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }
size_t number_at(std::string_view bytes, size_t at) { return size_t{byte_at(bytes, at)} << 8 | byte_at(bytes, at + 1); }

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~uint32_t{0};
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
  }
  return ~crc;
}

/// §2.2.3: calculated with the checksum's own four bytes as zeros.
bool has_right_checksum(std::string header, size_t at) {
  uint32_t given = 0;
  for (size_t i = 0; i < 4; ++i) given = given << 8 | byte_at(header, at + i);
  std::fill_n(header.begin() + static_cast<std::ptrdiff_t>(at), 4, '\0');
  return crc32c(header) == given;
}

/// §2.2: each TLV is a type, two bytes of length and so many bytes.
std::string_view fault_of_tlvs(std::string_view header, size_t at) {
  while (at < header.size()) {
    if (header.size() - at < 3) return "a TLV is cut off";
    const size_t length = number_at(header, at + 1);
    if (header.size() - at - 3 < length) return "a TLV is longer than the header";
    if (byte_at(header, at) == tlv_checksum && (length != 4 || !has_right_checksum(std::string(header), at + 3))) {
      return "the checksum is wrong";
    }
    at += 3 + length;
  }
  return {};
}

std::string ip_text(int family, std::string_view bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(family, bytes.data(), text, sizeof text);
  return text;
}

}  // namespace

std::expected<size_t, std::string_view> proxy_header_size(std::string_view head) {
  if (!head.starts_with(signature)) return std::unexpected("it does not begin with PROXY protocol 2");
  const uint8_t version_and_command = byte_at(head, 12);
  if (version_and_command != version_2_local && version_and_command != version_2_proxy)
    return std::unexpected("unknown version or command");
  const size_t size = proxy_head_bytes + number_at(head, 14);
  if (size > longest_header) return std::unexpected("it is too long");
  return size;
}

std::expected<ProxyHeader, std::string_view> parse_proxy_header(std::string_view header) {
  if (header.size() < proxy_head_bytes) return std::unexpected("it is cut off");
  const auto size = proxy_header_size(header);
  if (!size) return std::unexpected(size.error());
  if (*size != header.size()) return std::unexpected("its length is wrong");
  const uint8_t family = byte_at(header, 13);
  // §2.2: with LOCAL the addresses are to be skipped, and the connection is the proxy's own.
  if (byte_at(header, 12) == version_2_local) return ProxyHeader{};
  if (family != tcp_over_ipv4 && family != tcp_over_ipv6)
    return std::unexpected("it is not about TCP over IPv4 or IPv6");
  const size_t addresses = family == tcp_over_ipv4 ? ipv4_bytes : ipv6_bytes;
  if (header.size() < proxy_head_bytes + addresses) return std::unexpected("its addresses are cut off");
  if (const auto fault = fault_of_tlvs(header, proxy_head_bytes + addresses); !fault.empty())
    return std::unexpected(fault);
  return ProxyHeader{ip_text(family == tcp_over_ipv4 ? AF_INET : AF_INET6, header.substr(proxy_head_bytes))};
}

class ProxyGate::Pending final : public Watcher {
 public:
  Pending(ProxyGate& gate, int fd, std::string peer_ip) : gate_(gate), fd_(fd), peer_ip_(std::move(peer_ip)) {
    gate_.loop_.watch(fd_, EPOLLIN, this);
    timer_ = gate_.loop_.after(header_timeout, [this] { gate_.finish(*this, std::unexpected("it did not come")); });
  }
  ~Pending() {
    if (fd_ < 0) return;
    release();
    close(fd_);
  }

  void on_events(uint32_t) override {
    for (;;) {
      // Exactly the header: what follows it belongs to the client, perhaps to OpenSSL.
      const size_t wanted = size_ != 0 ? size_ : proxy_head_bytes;
      char buffer[512];
      const ssize_t count = recv(fd_, buffer, std::min(sizeof buffer, wanted - bytes_.size()), 0);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (count <= 0) return gate_.finish(*this, std::unexpected("the connection ended"));
      bytes_.append(buffer, static_cast<size_t>(count));
      if (bytes_.size() < wanted) continue;
      if (size_ == 0) {
        const auto size = proxy_header_size(bytes_);
        if (!size) return gate_.finish(*this, std::unexpected(size.error()));
        size_ = *size;
      }
      if (bytes_.size() == size_) return gate_.finish(*this, parse_proxy_header(bytes_));
    }
  }

  /// The socket is the caller's now.
  int take_socket() {
    release();
    return std::exchange(fd_, -1);
  }
  const std::string& peer_ip() const { return peer_ip_; }

 private:
  void release() {
    gate_.loop_.unwatch(fd_, this);
    gate_.loop_.cancel(timer_);
  }

  ProxyGate& gate_;
  int fd_;
  const std::string peer_ip_;
  std::string bytes_;
  size_t size_ = 0;  ///< of the header, once it is known
  Loop::TimerId timer_;
};

ProxyGate::ProxyGate(Loop& loop, Networks proxies, Listener::Accept accept)
    : loop_(loop), proxies_(std::move(proxies)), accept_(std::move(accept)) {}

ProxyGate::~ProxyGate() = default;

void ProxyGate::take(int fd, const std::string& peer_ip) {
  if (!proxies_.contains(peer_ip)) {
    log::warning("not_a_proxy", {{"ip", peer_ip}});
    close(fd);
    return;
  }
  pending_.push_back(std::make_unique<Pending>(*this, fd, peer_ip));
}

void ProxyGate::finish(Pending& pending, std::expected<ProxyHeader, std::string_view> header) {
  const auto found = std::ranges::find_if(pending_, [&](const auto& each) { return each.get() == &pending; });
  // Not destroyed at once: it is calling us.
  std::shared_ptr<Pending> ended = std::move(*found);
  pending_.erase(found);
  loop_.at_turn_end([ended] {});
  const int fd = ended->take_socket();
  if (!header) {
    log::warning("proxy_header_refused", {{"ip", ended->peer_ip()}, {"reason", std::string(header.error())}});
    close(fd);
    return;
  }
  accept_(fd, header->client_ip.empty() ? ended->peer_ip() : header->client_ip);
}

}  // namespace rookery::server
