// A stream on a TCP connection, with or without TLS (RFC 6120 §4, §5): of a client, a component, or another server.
#pragma once

#include "server/edge/stream_wire.h"
#include "server/net/transport.h"

namespace rookery::server {

class TcpWire final : public StreamWire, public Transport::Owner {
 public:
  /// `direct_tls`: the handshake comes first; null: plain or STARTTLS.
  TcpWire(Loop& loop, int fd, SSL_CTX* direct_tls);
  /// The connection is ours to another server; the handshake comes first where `direct_tls` is not null.
  TcpWire(Loop& loop, int fd, crypto::SslPtr direct_tls);

  void start(StreamWire::Owner& owner) override;
  std::optional<xmpp::StreamEvent> next() override { return parser_.next(); }
  void restart(const xmpp::ParserLimits& limits) override { parser_ = xmpp::StreamParser(limits); }
  void set_limits(const xmpp::ParserLimits& limits) override { parser_.set_limits(limits); }
  bool has_pending() const override { return parser_.has_pending(); }
  void pause_reading() override { transport_.pause_reading(); }
  void resume_reading() override { transport_.resume_reading(); }
  void open(const xmpp::StreamHeader& header) override;
  void send(std::string_view xml) override { transport_.send(xml); }
  size_t outbox_bytes() const override { return transport_.outbox_bytes(); }
  void finish() override;
  void finish_now() override;
  void close() override { transport_.close(); }
  bool is_encrypted() const override { return transport_.is_encrypted(); }
  SSL* ssl() const override { return transport_.ssl(); }
  void start_tls(std::string_view proceed, SSL_CTX* context) override;
  /// As the one who has sent <starttls/> and was told to proceed.
  void start_tls_as_client(crypto::SslPtr ssl);
  LinkHealth health() const override { return transport_.health(); }
  void move_to(Loop& loop, Job then) override;

  // Transport::Owner
  void on_bytes(std::string_view bytes) override;
  void on_tls_established() override { owner_->on_tls_established(); }
  void on_drained() override { owner_->on_drained(); }
  void on_closed(std::string_view reason) override { owner_->on_closed(reason); }

 private:
  Transport transport_;
  xmpp::StreamParser parser_;
  StreamWire::Owner* owner_ = nullptr;
};

}  // namespace rookery::server
