// One stream from another server: TLS, for whom it may speak, then its stanzas to the router.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "server/edge/connection_limits.h"
#include "server/edge/tcp_wire.h"
#include "server/net/byte_allowance.h"
#include "server/routing/envelope.h"
#include "server/s2s/outgoing_stream.h"
#include "xmpp/s2s_receiver.h"

namespace rookery::server {
class Node;
}

namespace rookery::server::s2s {

class IncomingStream final : public StreamWire::Owner,
                             public OutgoingStream::Owner,
                             public std::enable_shared_from_this<IncomingStream> {
 public:
  /// Lives until the wire ends.
  static void accept(RemoteServers& servers, std::shared_ptr<StreamWire> wire, std::string peer_ip,
                     const std::string& listener, bool direct_tls);
  ~IncomingStream();

  void close(const xmpp::StreamError& error);
  void handled(uint32_t number);  ///< stanza number so-and-so is durable, or needs no durability
  std::string describe() const;

  // StreamWire::Owner
  void on_input(size_t bytes) override;
  void on_tls_established() override;
  void on_drained() override {}
  void on_closed(std::string_view reason) override;

  // OutgoingStream::Owner, of the one that asks about a dialback key
  void on_answer(bool is_valid) override;
  void on_ended(const Error& reason) override;

 private:
  IncomingStream(RemoteServers& servers, std::shared_ptr<StreamWire> wire, std::string peer_ip, bool direct_tls);
  xmpp::S2sReceiver::Options receiver_options(bool direct_tls);
  bool has_proof(const xmpp::Jid& peer) const;
  void start_deadline(std::chrono::seconds timeout);
  void process();
  void on_header(const xmpp::StreamHeader& header);
  void on_element(xmpp::ElementPtr element);
  void take(xmpp::S2sReceiver::Step step);
  void authorised();
  void on_management(const xmpp::Element& element);
  void on_stanza(xmpp::ElementPtr stanza);
  void on_message(Envelope envelope);
  void look_up(Envelope envelope);
  void send_ack();
  void pause(std::chrono::milliseconds time);
  void resume();
  void fail(xmpp::StreamCondition condition, std::string text = {}) {
    close({.condition = condition, .text = std::move(text), .application = {}});
  }

  RemoteServers& servers_;
  Node& node_;
  Loop& loop_;
  const uint64_t serial_;
  const std::string peer_ip_;
  const std::shared_ptr<StreamWire> wire_;
  xmpp::S2sReceiver receiver_;
  ByteAllowance allowance_;
  ConnectionLimits::Place place_;  ///< among those that have not authenticated
  size_t unauthenticated_bytes_ = 0;
  size_t pauses_ = 0;
  bool is_closed_ = false, header_sent_ = false, processing_ = false, was_authorised_ = false;
  std::shared_ptr<OutgoingStream> verification_;
  xmpp::Dialback question_;
  // XEP-0198, counted from <enable/>
  uint32_t received_ = 0, durable_ = 0, owed_ = 0;
  bool ack_owed_ = false;
  std::set<uint32_t> early_;
  std::optional<Loop::TimerId> deadline_, owed_deadline_;
  const Clock::time_point accepted_at_ = Clock::now();
  std::shared_ptr<IncomingStream> self_;  ///< until the connection has ended
};

}  // namespace rookery::server::s2s
