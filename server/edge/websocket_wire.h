// A client's stream on a WebSocket (RFC 7395): each message is one element, <open/> and <close/> stand for the stream's
// tags.
#pragma once

#include "server/edge/stream_wire.h"
#include "server/edge/websocket_frames.h"
#include "server/net/transport.h"

namespace rookery::server {

class HttpConnection;
class Node;

class WebSocketWire final : public StreamWire, public Transport::Owner {
 public:
  /// `early`: bytes that came behind the HTTP request.
  WebSocketWire(std::unique_ptr<Transport> transport, std::string_view early);

  void start(StreamWire::Owner& owner) override;
  std::optional<xmpp::StreamEvent> next() override;
  void restart(const xmpp::ParserLimits& limits) override;
  void set_limits(const xmpp::ParserLimits& limits) override;
  bool has_pending() const override { return false; }
  void pause_reading() override { transport_->pause_reading(); }
  void resume_reading() override { transport_->resume_reading(); }
  void open(const xmpp::StreamHeader& header) override;
  void send(std::string_view xml) override;
  size_t outbox_bytes() const override { return transport_->outbox_bytes(); }
  void finish() override;
  void close() override { transport_->close(); }
  bool is_encrypted() const override { return transport_->is_encrypted(); }
  SSL* ssl() const override { return transport_->ssl(); }
  LinkHealth health() const override { return transport_->health(); }
  void move_to(Loop& loop, Job then) override;

  // Transport::Owner
  void on_bytes(std::string_view bytes) override;
  void on_tls_established() override {}
  void on_drained() override;
  void on_closed(std::string_view reason) override { owner_->on_closed(reason); }

 private:
  std::optional<xmpp::StreamEvent> event_of(const WebSocketMessage& message);
  std::optional<xmpp::StreamEvent> element_event(std::string_view text);
  void close_with(WebSocketClose code);

  std::unique_ptr<Transport> transport_;
  xmpp::ParserLimits limits_ = xmpp::ParserLimits::unauthenticated();
  WebSocketReader reader_;
  StreamWire::Owner* owner_ = nullptr;
  bool expects_open_ = true;
  bool closing_ = false;  ///< a close frame has been sent
};

/// GET /xmpp-websocket: the handshake (RFC 6455 §4.2, RFC 7395 §3.1), and a new ClientStream.
void accept_websocket(Node& node, const std::shared_ptr<HttpConnection>& connection);

}  // namespace rookery::server
