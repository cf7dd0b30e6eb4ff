// One TCP connection, with or without TLS: bytes in, bytes out, on one loop. TLS runs straight on the socket
// (socket_bio.h), which is what makes an idle connection small (docs/DESIGN §9).
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "crypto/tls_context.h"
#include "server/loop.h"
#include "server/net/link_health.h"
#include "server/net/socket_bio.h"

namespace rookery::server {

class Transport final : public Watcher {
 public:
  class Owner {
   public:
    virtual void on_bytes(std::string_view bytes) = 0;
    virtual void on_tls_established() = 0;
    /// Everything that was sent has been taken by the kernel.
    virtual void on_drained() = 0;
    /// The connection is gone; the transport is inert from now on. Called once, never from inside send().
    virtual void on_closed(std::string_view reason) = 0;

   protected:
    ~Owner() = default;
  };

  Transport(Loop& loop, int fd, Owner& owner);
  ~Transport();
  Transport(const Transport&) = delete;

  void start();  ///< begins to read
  /// Whom it tells from now on: an HTTP connection becomes a WebSocket's.
  void set_owner(Owner& owner) { owner_ = &owner; }
  void start_tls(SSL_CTX* context);  ///< server side; the handshake follows
  void start_tls_as_client(crypto::SslPtr ssl);
  bool is_encrypted() const { return ssl_ != nullptr; }
  SSL* ssl() const { return ssl_; }

  /// Queues bytes; they leave at the end of this turn of the loop, all in one write. Never blocks.
  void send(std::string_view bytes);
  /// The same, and writes at once: for the last bytes before TLS begins.
  void send_now(std::string_view bytes);
  size_t outbox_bytes() const { return outbox_.size() + outlet_.bytes.size() - sent_; }
  LinkHealth health() const;
  /// Sends what is queued, then the end (TLS close_notify, FIN), and closes when the peer does, or after a short time.
  void finish();
  /// The same, but a peer that does not take it at once, or is still in its handshake, does not get it.
  void finish_now();
  void close();  ///< at once, without on_closed

  void pause_reading();
  void resume_reading();

  /// Hands the connection to another loop: detach() here, then attach() there.
  void detach();
  void attach(Loop& loop);

  void on_events(uint32_t events) override;
  void on_turn_end() override;

 private:
  friend class SendBatch;
  void begin_handshake(SSL* ssl);
  uint32_t wanted_events() const;
  void update_interest();
  void read_some();
  bool handshake();  ///< true when done
  /// What waits becomes what goes over the wire, unless something is on its way there already. False: it has failed.
  bool seal();
  void flush();  ///< now, without the others of this turn
  void push();
  void end_sending();  ///< the last word is out: it is to arrive, so the connection ends when the peer ends it
  void end_later(const char* reason);
  bool discard_input();  ///< true when the peer has ended the connection
  std::string_view unsent() const { return std::string_view(outlet_.bytes).substr(sent_); }
  void took(int result);  ///< what the kernel said to unsent(): how much it took, or an error, negative; calls nobody
  void after_sending();
  void count_outbox();
  void schedule_flush();
  void fail(std::string_view reason);

  Loop* loop_;
  Owner* owner_;
  SSL* ssl_ = nullptr;
  std::string outbox_;
  Outlet outlet_;       ///< its descriptor is -1 when the connection has ended
  size_t sent_ = 0;     ///< of outlet_.bytes
  size_t counted_ = 0;  ///< of outbox_bytes(), in the loop's counters
  int failure_ = 0;     ///< errno of sending
  uint32_t interest_ = 0;
  bool handshaking_ = false;
  bool paused_ = false;
  bool want_write_ = false;
  bool has_taken_ = false;  ///< took() was called, after_sending() not yet
  bool finishing_ = false;
  bool is_tls_ended_ = false, is_lingering_ = false;  ///< while finishing: close_notify is out; so is the FIN
  bool attached_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace rookery::server
