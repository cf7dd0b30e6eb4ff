#include "server/net/connector.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace rookery::server {

namespace {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

std::optional<Address> to_address(const std::string& ip, uint16_t port) {
  Address address;
  auto& six = reinterpret_cast<sockaddr_in6&>(address.storage);
  auto& four = reinterpret_cast<sockaddr_in&>(address.storage);
  if (inet_pton(AF_INET6, ip.c_str(), &six.sin6_addr) == 1) {
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    address.size = sizeof six;
    return address;
  }
  if (inet_pton(AF_INET, ip.c_str(), &four.sin_addr) != 1) return std::nullopt;
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  address.size = sizeof four;
  return address;
}

// The same as for those who come to us (net/listener.cpp).
void set_options(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  const unsigned timeout_ms = 120'000;
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

}  // namespace

Connector::Connector(Loop& loop, const std::string& ip, uint16_t port, std::chrono::seconds timeout, Then then)
    : loop_(loop), then_(std::move(then)) {
  const auto address = to_address(ip, port);
  if (address) fd_ = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0 || (connect(fd_, reinterpret_cast<const sockaddr*>(&address->storage), address->size) != 0 &&
                  errno != EINPROGRESS)) {
    timer_ = loop_.after({}, [this, reason = std::string(address ? std::strerror(errno) : "not an address")] {
      timer_.reset();
      finish(fail(Failure::unavailable, reason));
    });
    return;
  }
  set_options(fd_);
  loop_.watch(fd_, EPOLLOUT, this);
  timer_ = loop_.after(timeout, [this] {
    timer_.reset();
    loop_.unwatch(fd_, this);
    finish(fail(Failure::unavailable, "no answer"));
  });
}

Connector::~Connector() {
  if (timer_) loop_.cancel(*timer_);
  if (fd_ < 0) return;
  if (then_) loop_.unwatch(fd_, this);
  close(fd_);
}

void Connector::on_events(uint32_t) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  loop_.unwatch(fd_, this);
  if (error != 0) return finish(fail(Failure::unavailable, std::strerror(error)));
  finish(std::exchange(fd_, -1));
}

void Connector::finish(Result<int> result) {
  if (timer_) loop_.cancel(*timer_);
  timer_.reset();
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  const Then then = std::exchange(then_, nullptr);
  then(std::move(result));  // `this` may be gone
}

bool is_own_address(const std::string& ip) {
  const auto address = to_address(ip, 0);
  if (!address) return false;
  const int fd = socket(address->storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool is_own = bind(fd, reinterpret_cast<const sockaddr*>(&address->storage), address->size) == 0;
  close(fd);
  return is_own;
}

}  // namespace rookery::server
