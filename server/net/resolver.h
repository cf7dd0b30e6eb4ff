// DNS for one loop, through c-ares: SRV records and addresses. Nothing here blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/result.h"
#include "server/loop.h"

struct ares_channeldata;

namespace rookery::server {

/// RFC 2782.
struct SrvRecord {
  uint16_t priority = 0, weight = 0, port = 0;
  std::string target;  ///< "." or "": the service is decidedly not there
  bool operator==(const SrvRecord&) const = default;
};

/// The order in which to try them: by priority, and among equal ones by chance according to their weights. `random(n)`
/// is a number below n.
std::vector<SrvRecord> in_order(std::vector<SrvRecord> records, const std::function<uint64_t(uint64_t)>& random);

class Resolver {
 public:
  /// `server`: "address:port" to ask instead of the system's resolvers; empty: those.
  Resolver(Loop& loop, std::string server);
  ~Resolver();
  Resolver(const Resolver&) = delete;

  /// Failure::not_found: there is no such name; no records is an empty list. `then` runs on the loop, perhaps at once,
  /// and also when the resolver goes.
  void srv(const std::string& name, std::function<void(Result<std::vector<SrvRecord>>)> then);
  /// IPv6 and IPv4 as text, in the order of RFC 6724.
  void addresses(const std::string& host, std::function<void(Result<std::vector<std::string>>)> then);

 private:
  class Socket;
  bool open();
  void on_socket_state(int fd, bool readable, bool writable);
  void on_socket(int fd, uint32_t events);
  void arm_timer();

  Loop& loop_;
  const std::string server_;
  ares_channeldata* channel_ = nullptr;
  std::map<int, std::unique_ptr<Socket>> sockets_;
  std::optional<Loop::TimerId> timer_;
};

}  // namespace rookery::server
