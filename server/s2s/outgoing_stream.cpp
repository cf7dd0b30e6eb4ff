#include "server/s2s/outgoing_stream.h"

#include <algorithm>
#include <array>

#include "server/log.h"
#include "server/net/tls_holder.h"
#include "server/node.h"
#include "server/s2s/federation.h"
#include "server/s2s/remote_servers.h"
#include "xmpp/domain_names.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/stream_management.h"

namespace rookery::server::s2s {

namespace {

constexpr auto enabled_timeout = std::chrono::seconds(10);
constexpr auto ack_timeout = std::chrono::seconds(60);
constexpr auto transport_check = std::chrono::milliseconds(50);

/// Stream errors by which a peer says that it was given something that it does not take (RFC 6120 §4.9.3).
bool is_about_a_stanza(std::string_view condition) {
  constexpr std::array conditions = {"policy-violation", "not-well-formed", "bad-format",
                                     "invalid-xml",      "restricted-xml",  "unsupported-stanza-type"};
  return std::ranges::find(conditions, condition) != conditions.end();
}

}  // namespace

OutgoingStream::OutgoingStream(RemoteServers& servers, xmpp::Jid from, xmpp::Jid to,
                               std::optional<xmpp::S2sInitiator::Question> question, Owner& owner)
    : servers_(servers),
      from_(std::move(from)),
      to_(std::move(to)),
      question_(std::move(question)),
      owner_(&owner),
      dialer_(std::make_shared<Dialer>(servers, to_)),
      allowance_(servers.node().config().burst_bytes, servers.loop().now()) {}

OutgoingStream::~OutgoingStream() = default;

std::shared_ptr<OutgoingStream> OutgoingStream::open(RemoteServers& servers, xmpp::Jid from, xmpp::Jid to,
                                                     std::optional<xmpp::S2sInitiator::Question> question,
                                                     Owner& owner) {
  std::shared_ptr<OutgoingStream> stream(
      new OutgoingStream(servers, std::move(from), std::move(to), std::move(question), owner));
  stream->self_ = stream;
  servers.loop().post([weak = std::weak_ptr(stream)] {
    if (const auto self = weak.lock(); self && self->state_ != State::closed) self->dial();
  });
  return stream;
}

void OutgoingStream::dial() {
  state_ = State::dialing;
  dialer_->next([this](Result<Dialer::Connected> connection) {
    if (!connection) return end(connection.error());
    connected(*connection);
  });
}

void OutgoingStream::connected(const Dialer::Connected& connection) {
  state_ = State::opening;
  address_ = connection.address;
  const Config& config = servers_.node().config();
  initiator_.emplace(xmpp::S2sInitiator::Options{.from = from_,
                                                 .to = to_,
                                                 .may_dialback = config.s2s_dialback,
                                                 .direct_tls = connection.direct_tls,
                                                 .dialback_secret = servers_.federation().dialback_secret(),
                                                 .question = question_});
  ++servers_.loop().counters().accepted[static_cast<size_t>(ConnectionKind::s2s_out)];
  ++servers_.loop().counters().connections[static_cast<size_t>(ConnectionKind::s2s_out)];
  crypto::SslPtr tls;
  if (connection.direct_tls)
    tls = servers_.node().tls().to_servers(true).connect(xmpp::ascii_domain(to_.text()), "xmpp-server");
  wire_ = std::make_shared<TcpWire>(servers_.loop(), connection.fd, std::move(tls));
  set_deadline(config.auth_timeout, "negotiation took too long");
  wire_->start(*this);
  if (!connection.direct_tls) open_stream();
}

void OutgoingStream::open_stream() {
  xmpp::StreamHeader header;
  header.from = from_.text();
  header.to = to_.text();
  header.version = "1.0";
  header.content_ns = xmpp::ns::server;
  wire_->open(header);
}

void OutgoingStream::on_tls_established() {
  if (const Status good = crypto::acceptable(wire_->ssl()); !good) return attempt_failed(good.error().message);
  const Status verified = crypto::verified_peer(wire_->ssl(), xmpp::ascii_domain(to_.text()), "xmpp-server");
  if (!verified) log::debug("s2s_certificate", {{"domain", to_.text()}, {"reason", verified.error().message}});
  take(initiator_->tls_established(verified.has_value()));
}

void OutgoingStream::on_input(size_t bytes) {
  const Config& config = servers_.node().config();
  const auto time = allowance_.charge(bytes, config.bytes_per_second, config.burst_bytes, servers_.loop().now());
  if (time.count() > 0) pause(time);
  process();
}

// REQUIREMENTS 6
void OutgoingStream::pause(std::chrono::milliseconds time) {
  ++servers_.node().reading_pauses;
  wire_->pause_reading();
  servers_.loop().after(time, [wire = std::weak_ptr(wire_)] {
    if (const auto still_there = wire.lock()) still_there->resume_reading();
  });
}

void OutgoingStream::process() {
  if (processing_) return;
  const auto keep = shared_from_this();
  processing_ = true;
  const auto wire = wire_;
  while (wire_ == wire && state_ != State::closed) {
    auto event = wire->next();
    if (!event) break;
    if (auto* header = std::get_if<xmpp::StreamHeader>(&*event)) {
      take(initiator_->on_header(*header));
    } else if (auto* element = std::get_if<xmpp::ElementPtr>(&*event)) {
      on_element(**element);
    } else if (auto* error = std::get_if<xmpp::StreamError>(&*event)) {
      attempt_failed("bad XML: " + std::string(to_string(error->condition)));
    } else {
      attempt_failed("the peer ended the stream");
    }
  }
  processing_ = false;
}

void OutgoingStream::on_element(const xmpp::Element& element) {
  if (state_ != State::open) return take(initiator_->on_element(element));
  if (element.ns() == xmpp::ns::sm) return on_management(element);
  if (!element.is("error", xmpp::ns::streams)) return;  // this way there is nothing else for us to hear
  const auto* condition = element.first_element();
  const auto name = condition != nullptr ? condition->name() : std::string_view();
  attempt_failed("stream error " + std::string(name),
                 is_about_a_stanza(name) ? Failure::invalid : Failure::unavailable);
}

void OutgoingStream::take(xmpp::S2sInitiator::Step step) {
  using Kind = xmpp::S2sInitiator::Step::Kind;
  switch (step.kind) {
    case Kind::wait:
      if (!step.xml.empty()) wire_->send(step.xml);
      return;
    case Kind::start_tls:
      // REQUIREMENTS 3: what came behind <proceed/> in the clear is nobody's.
      if (wire_->has_pending()) return attempt_failed("plain text behind <proceed/>");
      return wire_->start_tls_as_client(
          servers_.node().tls().to_servers(false).connect(xmpp::ascii_domain(to_.text()), "xmpp-server"));
    case Kind::restart:
      wire_->restart(xmpp::ParserLimits::unauthenticated());
      return open_stream();
    case Kind::ready:
      return opened(step.xml);
    case Kind::answered: {
      Owner* owner = std::exchange(owner_, nullptr);
      close();
      if (owner != nullptr) owner->on_answer(step.is_valid);
      return;
    }
    case Kind::refused:
      return attempt_failed(step.text);
  }
}

void OutgoingStream::opened(const std::string& xml) {
  state_ = State::open;
  if (deadline_) servers_.loop().cancel(*deadline_);
  deadline_.reset();
  log::info("s2s_out_open", {{"from", from_.text()},
                             {"to", to_.text()},
                             {"address", address_},
                             {"by", std::string(initiator_->method())},
                             {"certificate", initiator_->is_verified() ? "trusted" : "untrusted"}});
  acks_ = xml.empty() ? Acks::by_transport : Acks::asked;
  if (!xml.empty()) {
    wire_->send(xml);
    servers_.loop().after(enabled_timeout, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || self->acks_ != Acks::asked || self->state_ != State::open) return;
      self->acks_ = Acks::by_transport;
      self->check_transport();
    });
  }
  owner_->on_open();
}

void OutgoingStream::send(std::string_view xml) {
  ++sent_;
  ++servers_.loop().counters().s2s_out;
  wire_->send(xml);
  if (acks_ == Acks::by_transport) check_transport();
}

void OutgoingStream::request_ack() {
  if (acks_ != Acks::managed || state_ != State::open || acknowledged_ == sent_ || std::exchange(ack_requested_, true))
    return;
  wire_->send("<r xmlns='urn:xmpp:sm:3'/>");
  set_deadline(ack_timeout, "no answer to <r/>");
}

void OutgoingStream::on_management(const xmpp::Element& element) {
  const auto parsed = xmpp::parse_stream_management(element);
  if (!parsed) return attempt_failed("bad stream management");
  if (std::holds_alternative<xmpp::SmEnabled>(*parsed) && acks_ == Acks::asked) {
    acks_ = Acks::managed;
    return request_ack();
  }
  if (std::holds_alternative<xmpp::SmFailed>(*parsed) && acks_ == Acks::asked) {
    acks_ = Acks::by_transport;
    return check_transport();
  }
  if (std::holds_alternative<xmpp::SmRequest>(*parsed)) {
    if (wire_->outbox_bytes() > servers_.node().config().outbox_bytes) return attempt_failed("it does not read");
    return wire_->send("<a xmlns='urn:xmpp:sm:3' h='0'/>");  // it has sent nothing
  }
  const auto* answer = std::get_if<xmpp::SmAnswer>(&*parsed);
  if (answer == nullptr || acks_ != Acks::managed) return;
  if (answer->handled - acknowledged_ > sent_ - acknowledged_) return attempt_failed("acknowledged more than was sent");
  if (std::exchange(ack_requested_, false) && deadline_) {
    servers_.loop().cancel(*deadline_);
    deadline_.reset();
  }
  acknowledged(answer->handled);
  if (state_ == State::open) request_ack();
}

void OutgoingStream::acknowledged(uint32_t total) {
  const uint32_t more = total - acknowledged_;
  acknowledged_ = total;
  if (more > 0 && owner_ != nullptr) owner_->on_acknowledged(more);
}

void OutgoingStream::check_transport() {
  if (acknowledged_ == sent_ || std::exchange(checks_transport_, true)) return;
  servers_.loop().after(transport_check, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->checks_transport_ = false;
    if (self->state_ != State::open || self->acks_ != Acks::by_transport) return;
    const LinkHealth health = self->wire_->health();
    if (health.outbox_bytes == 0 && health.unacked_bytes == 0) self->acknowledged(self->sent_);
    if (self->state_ == State::open) self->check_transport();
  });
}

void OutgoingStream::on_drained() {
  if (state_ == State::open && owner_ != nullptr) owner_->on_room();
}

void OutgoingStream::set_deadline(std::chrono::seconds time, std::string reason) {
  if (deadline_) servers_.loop().cancel(*deadline_);
  deadline_reason_ = std::move(reason);
  deadline_ = servers_.loop().after(time, [this] {
    deadline_.reset();
    attempt_failed(deadline_reason_);
  });
}

void OutgoingStream::on_closed(std::string_view reason) { attempt_failed(std::string(reason)); }

void OutgoingStream::drop_wire(bool in_peace) {
  if (deadline_) servers_.loop().cancel(*deadline_);
  deadline_.reset();
  if (!wire_) return;
  --servers_.loop().counters().connections[static_cast<size_t>(ConnectionKind::s2s_out)];
  const auto wire = std::exchange(wire_, nullptr);
  if (in_peace) {
    wire->finish_now();
  } else {
    wire->close();
  }
  // It may be what called us.
  servers_.loop().at_turn_end([wire] {});
}

// While it is not open yet, another address may do better.
void OutgoingStream::attempt_failed(std::string reason, Failure failure) {
  if (state_ == State::closed) return;
  const auto keep = shared_from_this();
  const bool was_open = state_ == State::open;
  const std::string at = address_.empty() ? std::string() : address_ + ": ";
  state_ = State::dialing;
  drop_wire(false);
  if (was_open) return end({failure, at + reason});
  log::info("s2s_out_failed", {{"from", from_.text()}, {"to", to_.text()}, {"address", address_}, {"reason", reason}});
  servers_.loop().post([weak = weak_from_this()] {
    if (const auto self = weak.lock(); self && self->state_ == State::dialing) self->dial();
  });
}

void OutgoingStream::end(const Error& reason) {
  const auto keep = std::move(self_);
  state_ = State::closed;
  drop_wire(false);
  dialer_.reset();
  if (Owner* owner = std::exchange(owner_, nullptr)) owner->on_ended(reason);
}

void OutgoingStream::close() {
  const auto keep = std::move(self_);
  owner_ = nullptr;
  if (state_ == State::closed) return;
  state_ = State::closed;
  drop_wire(true);
  dialer_.reset();
}

std::string OutgoingStream::describe() const {
  if (state_ == State::dialing) return "connecting";
  if (state_ != State::open) return "negotiating " + address_;
  return "open " + address_ + " by=" + std::string(initiator_->method()) +
         " certificate=" + (initiator_->is_verified() ? "trusted" : "untrusted") + " acks=" +
         (acks_ == Acks::managed ? "xep-0198"
          : acks_ == Acks::asked ? "asked"
                                 : "transport") +
         " unacknowledged=" + std::to_string(sent_ - acknowledged_);
}

}  // namespace rookery::server::s2s
