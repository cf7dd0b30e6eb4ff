// Accepts connections on one address, for one loop (SO_REUSEPORT: the kernel spreads them over the loops).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "crypto/result.h"
#include "server/loop.h"

namespace rookery::server {

class Listener final : public Watcher {
 public:
  using Accept = std::function<void(int fd, const std::string& peer_ip)>;

  /// `address`: "host:port", IPv6 in brackets. Call start() on the loop's thread or before it runs.
  static Result<std::unique_ptr<Listener>> open(const std::string& address, Loop& loop, Accept accept);
  ~Listener();
  void start();
  void stop();  ///< no new connections
  Loop& loop() const { return loop_; }
  void on_events(uint32_t events) override;

 private:
  Listener(int fd, Loop& loop, Accept accept) : fd_(fd), loop_(loop), accept_(std::move(accept)) {}
  int fd_;
  bool watching_ = false;
  Loop& loop_;
  Accept accept_;
};

/// Is the host of "host:port" a loopback address?
bool is_loopback(const std::string& address);

}  // namespace rookery::server
