#include "server/components/component_stream.h"

#include "crypto/hash.h"
#include "crypto/random.h"
#include "server/components/rights.h"
#include "server/home/homes.h"
#include "server/log.h"
#include "server/node.h"
#include "server/routing/inbound.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

constexpr size_t unauthenticated_budget = 64 * 1024;
constexpr auto input_retry = std::chrono::milliseconds(20);

}  // namespace

ComponentStream::ComponentStream(Node& node, Loop& loop, std::shared_ptr<StreamWire> wire, std::string peer_ip)
    : node_(node),
      loop_(&loop),
      peer_ip_(std::move(peer_ip)),
      wire_(std::move(wire)),
      allowance_(node.config().burst_bytes, loop.now()) {}

ComponentStream::~ComponentStream() = default;

void ComponentStream::accept(Node& node, Loop& loop, std::shared_ptr<StreamWire> wire, std::string peer_ip,
                             const std::string& listener) {
  std::shared_ptr<ComponentStream> stream(new ComponentStream(node, loop, std::move(wire), std::move(peer_ip)));
  constexpr auto kind = static_cast<size_t>(ConnectionKind::component);
  ++loop.counters().accepted[kind];
  ++loop.counters().connections[kind];
  stream->self_ = stream;
  stream->place_ = node.limits().enter(stream->peer_ip_, listener, loop, [&stream = *stream] {
    stream.fail(xmpp::StreamCondition::resource_constraint, "Too many connections that have not logged in");
    stream.wire_->finish_now();
  });
  stream->deadline_ = loop.after(node.config().auth_timeout, [&stream = *stream] {  // REQUIREMENTS 1
    stream.deadline_.reset();
    stream.fail(xmpp::StreamCondition::connection_timeout);
  });
  stream->wire_->start(*stream);
}

void ComponentStream::on_input(size_t bytes) {
  if (state_ == State::closed) return;
  if (state_ != State::connected) {
    unauthenticated_bytes_ += bytes;
    if (unauthenticated_bytes_ > unauthenticated_budget) return fail(xmpp::StreamCondition::policy_violation);
  } else if (const auto time =
                 allowance_.charge(bytes, node_.config().bytes_per_second, node_.config().burst_bytes, loop_->now());
             time.count() > 0) {
    ++node_.reading_pauses;
    pause(time);
  }
  process();
}

void ComponentStream::pause(std::chrono::milliseconds time) {
  if (std::exchange(paused_, true)) return;
  wire_->pause_reading();
  loop_->after(time, [this, keep = shared_from_this()] {
    paused_ = false;
    if (state_ == State::closed) return;
    wire_->resume_reading();
    process();
  });
}

void ComponentStream::process() {
  if (processing_) return;
  const auto keep = shared_from_this();
  processing_ = true;
  while (!paused_ && state_ != State::closed && state_ != State::moving) {
    if (state_ == State::connected && !node_.homes(*loop_).accepts_input()) {
      pause(input_retry);  // REQUIREMENTS 21
      break;
    }
    auto event = wire_->next();
    if (!event) break;
    if (auto* header = std::get_if<xmpp::StreamHeader>(&*event)) {
      on_header(*header);
    } else if (auto* element = std::get_if<xmpp::ElementPtr>(&*event)) {
      on_element(std::move(*element));
    } else if (auto* error = std::get_if<xmpp::StreamError>(&*event)) {
      close(*error);
    } else {
      if (component_ != nullptr && state_ == State::connected) component_->detach(*this);
      state_ = State::closed;
      wire_->finish();
    }
  }
  processing_ = false;
}

void ComponentStream::open_stream() {
  xmpp::StreamHeader header;
  id_ = crypto::random_token();
  header.id = id_;
  header.from = asked_;
  header.content_ns = xmpp::ns::component;
  wire_->open(header);
  header_sent_ = true;
}

// XEP-0114 §3: `to` is the component's own name.
void ComponentStream::on_header(const xmpp::StreamHeader& header) {
  const auto to = xmpp::Jid::parse(header.to);
  if (to && to->is_domain()) {
    asked_ = to->text();
    component_ = node_.components().find(asked_);
  }
  open_stream();
  if (header.content_ns != xmpp::ns::component) return fail(xmpp::StreamCondition::invalid_namespace);
  if (component_ == nullptr) return fail(xmpp::StreamCondition::host_unknown);
  state_ = State::handshake;
}

// The one table of what is allowed when (REQUIREMENTS 4).
void ComponentStream::on_element(xmpp::ElementPtr element) {
  const auto name = element->name();
  const bool ours = element->ns() == xmpp::ns::component;
  if (state_ == State::handshake) {
    if (!ours || name != "handshake") return fail(xmpp::StreamCondition::not_authorized);
    return on_handshake(*element);
  }
  if (!ours || (name != "message" && name != "presence" && name != "iq"))
    return fail(xmpp::StreamCondition::unsupported_stanza_type);
  element->rename_ns(xmpp::ns::component, xmpp::ns::client);
  on_stanza(std::move(element));
}

void ComponentStream::on_handshake(const xmpp::Element& handshake) {
  std::string concatenated = id_;
  concatenated += component_->secret().reveal();
  const std::string expected = crypto::hex_encode(crypto::digest(crypto::Hash::sha1, concatenated));
  crypto::cleanse(concatenated);
  if (!crypto::equal_in_constant_time(handshake.text(), expected)) {  // REQUIREMENTS 12
    ++node_.failed_logins;
    log::warning("component_refused", {{"domain", component_->domain()}, {"ip", peer_ip_}});
    return fail(xmpp::StreamCondition::not_authorized);
  }
  if (deadline_) loop_->cancel(*deadline_);
  deadline_.reset();
  place_.leave();
  xmpp::ParserLimits limits;
  limits.stanza_bytes = node_.config().stanza_bytes;
  wire_->set_limits(limits);
  state_ = State::moving;
  // All of a component's connections meet on the loop of its domain.
  loop_->at_turn_end([this, self = shared_from_this()] {
    if (state_ != State::moving) return;
    Loop& home = component_->loop();
    if (&home == loop_) return connected();
    --loop_->counters().connections[static_cast<size_t>(ConnectionKind::component)];
    loop_ = &home;
    wire_->move_to(home, [self] {
      ++self->loop_->counters().connections[static_cast<size_t>(ConnectionKind::component)];
      self->connected();
    });
  });
}

void ComponentStream::connected() {
  if (state_ != State::moving) return;
  state_ = State::connected;
  wire_->send("<handshake/>");
  component_->attach(shared_from_this());
  process();
}

void ComponentStream::on_stanza(xmpp::ElementPtr stanza) {
  const auto is_its_own = [this](const xmpp::Jid& from, const xmpp::Jid&) {
    return from.domain() == component_->domain();
  };
  auto envelope = check_inbound(node_, is_its_own, false, std::move(stanza));
  if (!envelope) {
    if (envelope.error().ends_stream) return close(envelope.error().stream);
    if (envelope.error().answer) send(*envelope.error().answer);
    return;
  }
  const auto kind = kind_of(envelope->stanza->name().front());
  ++loop_->counters().stanzas_in[static_cast<size_t>(kind)];
  if (component_->rights().take(*envelope)) return;
  node_.router().route(std::move(*envelope));
}

void ComponentStream::send(const xmpp::Element& stanza) {
  if (state_ != State::connected) return;
  const auto copy = stanza.clone();
  copy->rename_ns(xmpp::ns::client, xmpp::ns::component);
  ++loop_->counters().stanzas_out[static_cast<size_t>(kind_of(stanza.name().front()))];
  wire_->send(copy->to_xml(xmpp::ns::component));
  if (wire_->outbox_bytes() <= node_.config().outbox_bytes) return;
  component_->detach(*this);
  state_ = State::closed;
  loop_->at_turn_end([self = shared_from_this()] { self->on_closed("outbox full"); });
}

void ComponentStream::close(const xmpp::StreamError& error) {
  if (state_ == State::closed) return;
  if (component_ != nullptr && state_ == State::connected) component_->detach(*this);
  if (!header_sent_) open_stream();  // RFC 6120 §4.9.1.1
  wire_->send(error.to_xml());
  ++loop_->counters().stream_errors[static_cast<size_t>(error.condition)];
  state_ = State::closed;
  wire_->finish();
}

void ComponentStream::on_closed(std::string_view reason) {
  const auto keep = std::move(self_);
  if (keep) --loop_->counters().connections[static_cast<size_t>(ConnectionKind::component)];
  if (deadline_) loop_->cancel(*deadline_);
  deadline_.reset();
  place_.leave();
  if (component_ != nullptr && state_ == State::connected) {
    log::debug("component_disconnected", {{"domain", component_->domain()}, {"reason", std::string(reason)}});
    component_->detach(*this);
  }
  state_ = State::closed;
  wire_->close();
}

}  // namespace rookery::server
