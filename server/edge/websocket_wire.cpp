#include "server/edge/websocket_wire.h"

#include "crypto/hash.h"
#include "server/edge/client_stream.h"
#include "server/http/http_connection.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {
constexpr size_t most_unsent_before_pong = 64 * 1024;
}

WebSocketWire::WebSocketWire(std::unique_ptr<Transport> transport, std::string_view early)
    : transport_(std::move(transport)), reader_(limits_.stanza_bytes) {
  reader_.feed(early);
}

void WebSocketWire::start(StreamWire::Owner& owner) {
  owner_ = &owner;
  transport_->set_owner(*this);
  owner_->on_input(0);
}

void WebSocketWire::on_bytes(std::string_view bytes) {
  reader_.feed(bytes);
  owner_->on_input(bytes.size());
}

void WebSocketWire::on_drained() {
  if (!closing_) owner_->on_drained();
}

void WebSocketWire::restart(const xmpp::ParserLimits& limits) {
  set_limits(limits);
  expects_open_ = true;
}

void WebSocketWire::set_limits(const xmpp::ParserLimits& limits) {
  limits_ = limits;
  reader_.set_limit(limits.stanza_bytes);
}

std::optional<xmpp::StreamEvent> WebSocketWire::next() {
  while (!closing_) {
    auto message = reader_.next();
    if (!message) return std::nullopt;
    if (!*message) {
      if (message->error() == WebSocketClose::too_big) {
        return xmpp::StreamError{.condition = xmpp::StreamCondition::policy_violation,
                                 .text = "The element is too large.",
                                 .application = {}};
      }
      close_with(message->error());
      return std::nullopt;
    }
    if (auto event = event_of(**message)) return event;
  }
  return std::nullopt;
}

std::optional<xmpp::StreamEvent> WebSocketWire::event_of(const WebSocketMessage& message) {
  switch (message.opcode) {
    case WebSocketOpcode::text:
      return element_event(message.data);
    case WebSocketOpcode::ping:
      // RFC 6455 §5.5.3: not each of many has to be answered; who takes no answers gets no more of them.
      if (transport_->outbox_bytes() <= most_unsent_before_pong)
        transport_->send(websocket_frame(WebSocketOpcode::pong, message.data));
      return std::nullopt;
    case WebSocketOpcode::pong:
      return std::nullopt;
    // RFC 7395 §3.6.1: without <close/> the stream was only cut: its session may be resumed.
    case WebSocketOpcode::close:
      close_with(WebSocketClose::normal);
      return std::nullopt;
    default:
      close_with(WebSocketClose::unsupported_data);
      return std::nullopt;  // RFC 7395 §3.2: text only
  }
}

std::optional<xmpp::StreamEvent> WebSocketWire::element_event(std::string_view text) {
  auto element = xmpp::parse_document(text, limits_);
  if (!element) return std::move(element.error());
  if ((*element)->is("close", xmpp::ns::framing)) return xmpp::StreamEnd{};
  // RFC 7395 §3.4: a stream begins with <open/>, which comes nowhere else.
  if ((*element)->is("open", xmpp::ns::framing) != std::exchange(expects_open_, false)) {
    return xmpp::StreamError{.condition = xmpp::StreamCondition::bad_format, .text = {}, .application = {}};
  }
  if ((*element)->ns() != xmpp::ns::framing) return std::move(*element);
  xmpp::StreamHeader header;
  header.to = (*element)->attr("to");
  header.from = (*element)->attr("from");
  header.version = (*element)->attr("version");
  header.lang = (*element)->attr("xml:lang");
  header.content_ns = xmpp::ns::client;
  return header;
}

void WebSocketWire::close_with(WebSocketClose code) {
  if (std::exchange(closing_, true)) return;
  transport_->send(websocket_close_frame(code));
  transport_->finish();
}

void WebSocketWire::open(const xmpp::StreamHeader& header) {
  auto element = xmpp::Element::make("open", xmpp::ns::framing);
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) element->set_attr(name, value);
  };
  add("from", header.from);
  add("to", header.to);
  add("id", header.id);
  add("version", header.version);
  add("xml:lang", header.lang);
  transport_->send(websocket_frame(WebSocketOpcode::text, element->to_xml()));
}

void WebSocketWire::send(std::string_view xml) {
  if (closing_) return;
  for_each_element(
      xml, [this](const std::string& element) { transport_->send(websocket_frame(WebSocketOpcode::text, element)); });
}

void WebSocketWire::finish() {
  // RFC 7395 §3.6: <close/>, then the WebSocket's own closing.
  if (!closing_)
    transport_->send(websocket_frame(WebSocketOpcode::text, "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"));
  close_with(WebSocketClose::normal);
}

void WebSocketWire::move_to(Loop& loop, Job then) {
  transport_->detach();
  loop.post([this, &loop, then = std::move(then)]() mutable {
    transport_->attach(loop);
    then();
  });
}

void accept_websocket(Node& node, const std::shared_ptr<HttpConnection>& connection) {
  const auto& request = connection->request();
  const auto refuse = [&](int status, std::string_view sentence) {
    connection->respond(HttpResponse::text(status, sentence));
  };
  const bool is_upgrade = request.has_token("connection", "upgrade") && request.has_token("upgrade", "websocket");
  if (request.method != "GET" || !is_upgrade) {
    return connection->respond(
        HttpResponse::text(426, "XMPP over WebSocket (RFC 7395) is spoken here.").with("Upgrade", "websocket"));
  }
  if (request.header("sec-websocket-version") != "13") {
    return connection->respond(
        HttpResponse::text(426, "Only version 13 is spoken here.").with("Sec-WebSocket-Version", "13"));
  }
  const auto key = crypto::base64_decode(request.header("sec-websocket-key"));
  if (!key || key->size() != 16 || request.content_length.value_or(0) != 0)
    return refuse(400, "This is no handshake of a WebSocket.");
  if (!request.has_token("sec-websocket-protocol", "xmpp")) return refuse(400, "The subprotocol is xmpp (RFC 7395).");
  const HttpResponse switching{
      .status = 101,
      .headers = {{"Upgrade", "websocket"},
                  {"Connection", "Upgrade"},
                  {"Sec-WebSocket-Accept", websocket_accept(request.header("sec-websocket-key"))},
                  {"Sec-WebSocket-Protocol", "xmpp"}},
      .body = {}};
  const std::string ip = connection->client_ip();
  auto [transport, early] = connection->take_over(switching);
  auto wire = std::make_shared<WebSocketWire>(std::move(transport), early);
  ClientStream::accept(node, connection->loop(), std::move(wire), ip,
                       {Security::web, "http", ConnectionKind::websocket});
}

}  // namespace rookery::server
