#include "server/net/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "server/log.h"

namespace rookery::server {

namespace {

constexpr int accepts_per_turn = 64;

struct Address {
  std::string host, port;
};
std::optional<Address> split(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon + 1 == text.size()) return std::nullopt;
  std::string host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return Address{host, text.substr(colon + 1)};
}

std::string ip_text(const sockaddr_storage& peer) {
  char text[INET6_ADDRSTRLEN] = "";
  if (peer.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(peer).sin_addr, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr, text, sizeof text);
  }
  return text;
}

}  // namespace

bool is_loopback(const std::string& address) {
  const auto parts = split(address);
  return parts && (parts->host.starts_with("127.") || parts->host == "::1" || parts->host == "localhost");
}

Result<std::unique_ptr<Listener>> Listener::open(const std::string& address, Loop& loop, Accept accept) {
  const auto parts = split(address);
  if (!parts) return fail(Failure::invalid, "\"" + address + "\" is not an address: write \"host:port\"");
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(parts->host.c_str(), parts->port.c_str(), &hints, &found); error != 0) {
    return fail(Failure::invalid, "cannot listen on " + address + ": " + gai_strerror(error));
  }
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  const bool ready = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 4096) == 0;
  const int error = errno;
  freeaddrinfo(found);
  if (!ready) {
    if (fd >= 0) close(fd);
    return fail(Failure::io, "cannot listen on " + address + ": " + std::strerror(error));
  }
  return std::unique_ptr<Listener>(new Listener(fd, loop, std::move(accept)));
}

Listener::~Listener() {
  stop();
  close(fd_);
}

void Listener::start() {
  loop_.watch(fd_, EPOLLIN, this);
  watching_ = true;
}

void Listener::stop() {
  if (watching_) loop_.unwatch(fd_, this);
  watching_ = false;
}

void Listener::on_events(uint32_t) {
  for (int i = 0; i < accepts_per_turn; ++i) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int fd = accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return;
      // Out of files or memory: rest, do not spin.
      log::warning("accept_failed", {{"error", std::strerror(errno)}});
      stop();
      loop_.after(std::chrono::seconds(1), [this] { start(); });
      return;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    const unsigned timeout_ms = 120'000;  // a peer that takes nothing for two minutes is gone
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
    accept_(fd, ip_text(peer));
  }
}

}  // namespace rookery::server
