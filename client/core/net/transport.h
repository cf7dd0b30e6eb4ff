// One TCP/TLS connection and its XML stream, over libstrophe's raw mode. The only file that knows libstrophe: elements
// cross here as xmpp::Element, so that another transport can take its place.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "crypto/result.h"
#include "xmpp/element.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/sasl.h"

namespace rookery::client {

struct Endpoint {
  std::string host;   ///< empty: whom the DNS names for the account's domain
  uint16_t port = 0;  ///< 0: 5222, or 5223 with direct TLS
  bool direct_tls = false;
  std::string ca_file;  ///< trusted besides the system's certificates; empty: only those
};

class TransportObserver {
 public:
  virtual ~TransportObserver() = default;
  /// TCP is there, and TLS too when it is direct.
  virtual void on_connected() = 0;
  /// The server's stream header came.
  virtual void on_stream_opened() = 0;
  virtual void on_element(const xmpp::Element& element) = 0;
  /// Called once after connect(), outside of any callback of libstrophe. Failure::denied: the certificate is not good.
  virtual void on_closed(Error error) = 0;
};

/// All calls and callbacks on one thread; callbacks only inside process().
class Transport {
 public:
  Transport(xmpp::Jid account, Endpoint endpoint, TransportObserver& observer);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  Status connect();
  void open_stream();
  /// Blocks for the handshake. The certificate has to be valid for the account's domain.
  Status start_tls();
  void send(std::string_view xml);
  void close_stream();  ///< sends `</stream:stream>`, then waits up to two seconds for the other side
  void abort();         ///< drops the connection at once

  /// For the host that is being connected to: the DNS may know of both kinds.
  bool direct_tls() const;
  bool is_secure() const;
  /// tls-server-end-point only: libstrophe 0.12 does not give out its SSL object, which tls-exporter needs.
  xmpp::ChannelBindings bindings() const;

  int fd() const;  ///< -1 when there is none
  bool wants_write() const;
  void process();  ///< reads, writes and calls back; never waits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rookery::client
