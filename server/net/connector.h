// One attempt to open a TCP connection, without waiting for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "crypto/result.h"
#include "server/loop.h"

namespace rookery::server {

class Connector final : public Watcher {
 public:
  /// The connected, non-blocking socket is the callee's.
  using Then = std::function<void(Result<int> fd)>;

  /// `then` runs on the loop, later, unless the connector goes before.
  Connector(Loop& loop, const std::string& ip, uint16_t port, std::chrono::seconds timeout, Then then);
  ~Connector();
  void on_events(uint32_t events) override;

 private:
  void finish(Result<int> result);

  Loop& loop_;
  Then then_;
  int fd_ = -1;
  std::optional<Loop::TimerId> timer_;
};

/// Is this address one of this machine's?
bool is_own_address(const std::string& ip);

}  // namespace rookery::server
