// One connection of a component, XEP-0114: header, handshake, then stanzas both ways.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "server/components/component.h"
#include "server/edge/connection_limits.h"
#include "server/edge/stream_wire.h"
#include "server/net/byte_allowance.h"

namespace rookery::server {

class ComponentStream final : public StreamWire::Owner, public std::enable_shared_from_this<ComponentStream> {
 public:
  /// Lives until the wire ends.
  static void accept(Node& node, Loop& loop, std::shared_ptr<StreamWire> wire, std::string peer_ip,
                     const std::string& listener);
  ~ComponentStream();

  /// A stanza in jabber:client whose addresses are set.
  void send(const xmpp::Element& stanza);
  void close(const xmpp::StreamError& error);

  // StreamWire::Owner
  void on_input(size_t bytes) override;
  void on_tls_established() override {}
  void on_drained() override {}
  void on_closed(std::string_view reason) override;

 private:
  enum class State { opening, handshake, moving, connected, closed };

  ComponentStream(Node& node, Loop& loop, std::shared_ptr<StreamWire> wire, std::string peer_ip);
  void process();
  void open_stream();
  void on_header(const xmpp::StreamHeader& header);
  void on_element(xmpp::ElementPtr element);
  void on_handshake(const xmpp::Element& handshake);
  void connected();
  void on_stanza(xmpp::ElementPtr stanza);
  void pause(std::chrono::milliseconds time);
  void fail(xmpp::StreamCondition condition, std::string text = {}) {
    close({.condition = condition, .text = std::move(text), .application = {}});
  }

  Node& node_;
  Loop* loop_;
  const std::string peer_ip_;
  const std::shared_ptr<StreamWire> wire_;
  State state_ = State::opening;
  bool header_sent_ = false;
  bool processing_ = false;
  bool paused_ = false;
  ConnectionLimits::Place place_;  ///< among those that have not authenticated
  size_t unauthenticated_bytes_ = 0;
  std::string id_;     ///< of the stream: what the handshake is over
  std::string asked_;  ///< the domain in its header, as it was sent
  Component* component_ = nullptr;
  std::optional<Loop::TimerId> deadline_;
  ByteAllowance allowance_;
  std::shared_ptr<ComponentStream> self_;  ///< until the connection has ended
};

}  // namespace rookery::server
