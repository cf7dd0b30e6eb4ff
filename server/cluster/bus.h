// The mail between nodes: subjects, as NATS has them. Behind this interface so that channels can be tested without it,
// and the library be replaced (docs/DESIGN §9).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"

namespace rookery::server::cluster {

struct BusMessage {
  std::string subject;
  std::string reply;  ///< where the sender listens for answers
  std::string data;
  bool no_responders = false;  ///< nobody listened to what was published with this message's subject as reply
};

class Bus {
 public:
  using Handler = std::function<void(BusMessage)>;

  /// Ends the subscription; no call of its handler runs afterwards. Not to be destroyed from within one.
  class Subscription {
   public:
    virtual ~Subscription() = default;
  };

  virtual ~Bus() = default;
  /// Any thread. Queues and returns; while the bus is away a bounded amount waits, what is beyond is lost.
  virtual void publish(const std::string& subject, const std::string& reply, std::string_view data) = 0;
  /// `handler` runs on a thread of the bus, for one message at a time, in their order.
  virtual Result<std::unique_ptr<Subscription>> subscribe(const std::string& subject, Handler handler) = 0;
  /// Returns when the server knows of all subscriptions so far.
  virtual Status flush() = 0;
  virtual bool is_connected() const = 0;
  /// The longest `data` that it takes, in bytes.
  virtual size_t max_payload() const = 0;
};

struct NatsOptions {
  std::vector<std::string> servers;                 ///< nats:// or tls:// URLs
  std::string name;                                 ///< how the server calls this connection
  std::string credentials_file;                     ///< NATS JWT credentials; empty: none
  std::string ca_file, certificate_file, key_file;  ///< TLS; ca_file empty: the system's
  /// Called on a thread of the bus when the connection has been made again.
  std::function<void()> on_reconnected;
};

Result<std::unique_ptr<Bus>> connect_nats(NatsOptions options);

}  // namespace rookery::server::cluster
