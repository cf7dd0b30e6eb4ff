// What carries a client's stream: TCP (RFC 6120), a WebSocket (RFC 7395) or BOSH (XEP-0124, 0206). It frames and
// decides nothing, so that all three have one negotiation, the same limits and the same XML front end (REQUIREMENTS 7).
#pragma once

#include <openssl/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/loop.h"
#include "server/net/link_health.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

/// Belongs to one loop at a time, that of its stream.
class StreamWire {
 public:
  class Owner {
   public:
    /// So many bytes came; next() may have something.
    virtual void on_input(size_t bytes) = 0;
    virtual void on_tls_established() = 0;
    /// Everything that was sent has been taken by the kernel, or by the client's request.
    virtual void on_drained() = 0;
    /// The connection is gone; the wire is inert from now on. Called once, never from inside send().
    virtual void on_closed(std::string_view reason) = 0;

   protected:
    ~Owner() = default;
  };
  virtual ~StreamWire() = default;
  virtual void start(Owner& owner) = 0;

  // What the client says.
  virtual std::optional<xmpp::StreamEvent> next() = 0;
  /// The next thing is a new stream's header. What came already is forgotten.
  virtual void restart(const xmpp::ParserLimits& limits) = 0;
  /// The same stream goes on with other limits.
  virtual void set_limits(const xmpp::ParserLimits& limits) = 0;
  /// Its client is no stranger any more.
  virtual void on_authenticated() {}
  /// Has something come that next() did not give yet? (REQUIREMENTS 3)
  virtual bool has_pending() const = 0;
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;

  // What we say.
  /// The stream's header; `header` has from, to, id, version and lang; content_ns where it is not jabber:client (TCP
  /// only).
  virtual void open(const xmpp::StreamHeader& header) = 0;
  /// Whole elements as they stand inside of <stream:stream xmlns='jabber:client' xmlns:stream='…'>.
  virtual void send(std::string_view xml) = 0;
  virtual size_t outbox_bytes() const = 0;
  /// Ends the stream, then the connection, once everything has been sent. Gives up after a short time.
  virtual void finish() = 0;
  /// The same, but who does not take it at once, or is still in its handshake, does not get it.
  virtual void finish_now() { finish(); }
  virtual void close() = 0;  ///< at once, without on_closed

  virtual bool is_encrypted() const = 0;
  virtual SSL* ssl() const { return nullptr; }  ///< null: there is no TLS, or it is not bound to this stream
  /// RFC 6120 §5: sends `proceed`, then expects a handshake and a new stream. Only for TCP.
  virtual void start_tls(std::string_view proceed, SSL_CTX* context);
  virtual LinkHealth health() const { return {}; }

  /// Gives the connection to another loop, where `then` runs.
  virtual void move_to(Loop& loop, Job then) = 0;
};

/// Calls `each` with every top-level element of what StreamWire::send() is given, the namespaces of the stream's header
/// declared on it (RFC 7395 §3.3.3: each frame stands for itself).
void for_each_element(std::string_view xml, const std::function<void(std::string)>& each);

}  // namespace rookery::server
