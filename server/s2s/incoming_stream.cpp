#include "server/s2s/incoming_stream.h"

#include "crypto/certificate.h"
#include "crypto/random.h"
#include "server/home/homes.h"
#include "server/log.h"
#include "server/net/tls_holder.h"
#include "server/node.h"
#include "server/routing/inbound.h"
#include "server/s2s/federation.h"
#include "server/s2s/remote_servers.h"
#include "xmpp/domain_names.h"
#include "xmpp/namespaces.h"

namespace rookery::server::s2s {

namespace {

constexpr size_t unauthenticated_budget = 64 * 1024;
constexpr auto input_retry = std::chrono::milliseconds(20);

xmpp::ParserLimits limits_of(const Config& config) {
  xmpp::ParserLimits limits;
  limits.stanza_bytes = config.s2s_stanza_bytes;
  return limits;
}

}  // namespace

IncomingStream::IncomingStream(RemoteServers& servers, std::shared_ptr<StreamWire> wire, std::string peer_ip,
                               bool direct_tls)
    : servers_(servers),
      node_(servers.node()),
      loop_(servers.loop()),
      serial_(servers.next_serial()),
      peer_ip_(std::move(peer_ip)),
      wire_(std::move(wire)),
      receiver_(receiver_options(direct_tls)),
      allowance_(node_.config().burst_bytes, loop_.now()) {}

IncomingStream::~IncomingStream() = default;

xmpp::S2sReceiver::Options IncomingStream::receiver_options(bool direct_tls) {
  Federation& federation = servers_.federation();
  return {.may_dialback = node_.config().s2s_dialback,
          .direct_tls = direct_tls,
          .dialback_secret = federation.dialback_secret(),
          .stanza_bytes = node_.config().s2s_stanza_bytes,
          .is_ours = [&federation](const std::string& domain) { return federation.federates(domain); },
          .is_welcome = [&federation](const xmpp::Jid& peer) { return federation.is_welcome(peer.text()); },
          .has_proof = [this](const xmpp::Jid& peer) { return has_proof(peer); }};
}

bool IncomingStream::has_proof(const xmpp::Jid& peer) const {
  return wire_->is_encrypted() &&
         crypto::verified_peer(wire_->ssl(), xmpp::ascii_domain(peer.text()), "xmpp-server").has_value();
}

void IncomingStream::accept(RemoteServers& servers, std::shared_ptr<StreamWire> wire, std::string peer_ip,
                            const std::string& listener, bool direct_tls) {
  std::shared_ptr<IncomingStream> stream(new IncomingStream(servers, std::move(wire), std::move(peer_ip), direct_tls));
  constexpr auto kind = static_cast<size_t>(ConnectionKind::s2s_in);
  Loop& loop = servers.loop();
  ++loop.counters().accepted[kind];
  ++loop.counters().connections[kind];
  stream->self_ = stream;
  servers.add(*stream, stream->serial_);
  stream->place_ = servers.node().limits().enter(stream->peer_ip_, listener, loop, [&stream = *stream] {
    const auto keep = stream.shared_from_this();
    stream.fail(xmpp::StreamCondition::resource_constraint, "Too many connections that have not authenticated");
    stream.wire_->finish_now();
  });
  stream->start_deadline(servers.node().config().tls_timeout);
  stream->wire_->start(*stream);
}

// REQUIREMENTS 1: the time counts from the connection's beginning, whatever is sent meanwhile.
void IncomingStream::start_deadline(std::chrono::seconds timeout) {
  if (deadline_) loop_.cancel(*deadline_);
  deadline_ = loop_.after(accepted_at_ + timeout - Clock::now(), [this] {
    deadline_.reset();
    fail(xmpp::StreamCondition::connection_timeout);
  });
}

void IncomingStream::on_tls_established() {
  if (const Status good = crypto::acceptable(wire_->ssl()); !good) return on_closed(good.error().message);
  start_deadline(node_.config().auth_timeout);
}

void IncomingStream::on_input(size_t bytes) {
  if (is_closed_) return;
  if (!was_authorised_) {
    unauthenticated_bytes_ += bytes;
    if (unauthenticated_bytes_ > unauthenticated_budget) return fail(xmpp::StreamCondition::policy_violation);
  } else if (const auto time =
                 allowance_.charge(bytes, node_.config().bytes_per_second, node_.config().burst_bytes, loop_.now());
             time.count() > 0) {
    ++node_.reading_pauses;
    pause(time);
  }
  process();
}

void IncomingStream::pause(std::chrono::milliseconds time) {
  if (pauses_++ == 0) wire_->pause_reading();
  loop_.after(time, [this, keep = shared_from_this()] { resume(); });
}

void IncomingStream::resume() {
  if (--pauses_ > 0 || is_closed_) return;
  wire_->resume_reading();
  process();
}

void IncomingStream::process() {
  if (processing_) return;
  const auto keep = shared_from_this();
  processing_ = true;
  while (pauses_ == 0 && !is_closed_) {
    if (was_authorised_ && !node_.homes(loop_).accepts_input()) {
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
      is_closed_ = true;
      wire_->finish();
    }
  }
  processing_ = false;
}

void IncomingStream::on_header(const xmpp::StreamHeader& header) {
  xmpp::StreamHeader ours;
  ours.id = crypto::random_token();
  ours.version = "1.0";
  ours.lang = "en";
  ours.content_ns = xmpp::ns::server;
  const auto to = xmpp::Jid::parse(header.to);
  ours.from =
      to && servers_.federation().federates(to->text()) ? to->text() : servers_.federation().first_domain().text();
  ours.to = xmpp::Jid::parse(header.from) ? header.from : "";
  wire_->open(ours);
  header_sent_ = true;
  take(receiver_.on_header(header, ours.id));
}

void IncomingStream::on_element(xmpp::ElementPtr element) {
  auto step = receiver_.on_element(*element);
  if (step.kind != xmpp::S2sReceiver::Step::Kind::stanza) return take(std::move(step));
  if (element->ns() == xmpp::ns::sm) return on_management(*element);
  element->rename_ns(xmpp::ns::server, xmpp::ns::client);
  on_stanza(std::move(element));
}

void IncomingStream::take(xmpp::S2sReceiver::Step step) {
  using Kind = xmpp::S2sReceiver::Step::Kind;
  switch (step.kind) {
    case Kind::wait:
      if (!step.xml.empty()) wire_->send(step.xml);
      break;
    case Kind::start_tls:
      // REQUIREMENTS 3: what was sent behind <starttls/> in the clear must not be taken for encrypted.
      if (wire_->has_pending()) return fail(xmpp::StreamCondition::policy_violation);
      wire_->start_tls(step.xml, node_.tls().from_servers(false));
      receiver_.tls_established();
      header_sent_ = false;
      return;
    case Kind::restart:
      wire_->send(step.xml);
      wire_->restart(limits_of(node_.config()));
      break;
    case Kind::verify:
      question_ = std::move(step.question);
      verification_ = OutgoingStream::open(servers_, question_.to, question_.from,
                                           xmpp::S2sInitiator::Question{question_.id, question_.key}, *this);
      return;
    case Kind::enabled:
      wire_->send(step.xml);
      return;
    case Kind::stanza:
      return;
    case Kind::fail:
      return close(step.error);
  }
  if (receiver_.is_authorised() && !was_authorised_) authorised();
}

void IncomingStream::on_answer(bool is_valid) {
  verification_.reset();
  log::info("s2s_dialback", {{"from", question_.from.text()},
                             {"to", question_.to.text()},
                             {"ip", peer_ip_},
                             {"valid", is_valid ? "yes" : "no"}});
  take(receiver_.verified(question_, is_valid));
}

void IncomingStream::on_ended(const Error& reason) {
  log::info(
      "s2s_dialback_failed",
      {{"from", question_.from.text()}, {"to", question_.to.text()}, {"ip", peer_ip_}, {"reason", reason.message}});
  verification_.reset();
  take(receiver_.verified(question_, false));
}

void IncomingStream::authorised() {
  was_authorised_ = true;
  if (deadline_) loop_.cancel(*deadline_);
  deadline_.reset();
  place_.leave();
  wire_->set_limits(limits_of(node_.config()));
  const auto& [theirs, ours] = *receiver_.pairs().begin();
  log::info("s2s_in_open", {{"from", theirs}, {"to", ours}, {"ip", peer_ip_}, {"by", std::string(receiver_.method())}});
  servers_.federation().peer_is_there(theirs);
}

void IncomingStream::on_management(const xmpp::Element& element) {
  if (element.name() != "r" || !receiver_.has_acks()) return;
  if (wire_->outbox_bytes() > node_.config().outbox_bytes)
    return fail(xmpp::StreamCondition::policy_violation, "You ask and do not read");
  // REQUIREMENTS 18: what may be promised now, at once; the rest when it may.
  owed_ = received_;
  ack_owed_ = durable_ != owed_;
  send_ack();
  if (!ack_owed_ || owed_deadline_) return;
  // A shard that moved has forgotten what it was given: the other server shall send it again.
  owed_deadline_ = loop_.after(node_.config().auth_timeout, [this] {
    owed_deadline_.reset();
    if (ack_owed_) fail(xmpp::StreamCondition::reset);
  });
}

void IncomingStream::send_ack() { wire_->send("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(durable_) + "'/>"); }

void IncomingStream::handled(uint32_t number) {
  if (!receiver_.has_acks() || number == 0) return;
  early_.insert(number);
  while (early_.erase(durable_ + 1) > 0) ++durable_;
  if (!ack_owed_ || static_cast<int32_t>(durable_ - owed_) < 0 || is_closed_) return;
  ack_owed_ = false;
  if (owed_deadline_) loop_.cancel(*owed_deadline_);
  owed_deadline_.reset();
  send_ack();
}

void IncomingStream::on_stanza(xmpp::ElementPtr stanza) {
  const uint32_t number = receiver_.has_acks() ? ++received_ : 0;
  const auto may_speak = [this](const xmpp::Jid& from, const xmpp::Jid& to) {
    // REQUIREMENTS 17. Where the other address is no good, the error says so.
    return receiver_.may_speak(from.domain(), to.domain()) ||
           (to == from && receiver_.may_speak(from.domain(), receiver_.to()));
  };
  ++loop_.counters().s2s_in;
  auto envelope = check_inbound(node_, may_speak, true, std::move(stanza));
  if (!envelope) {
    if (envelope.error().ends_stream) {
      log::warning("s2s_refused", {{"ip", peer_ip_}, {"to", receiver_.to()}, {"reason", envelope.error().stream.text}});
      return close(envelope.error().stream);
    }
    if (envelope.error().answer) node_.router().send(std::move(envelope.error().answer));
    return handled(number);
  }
  envelope->sender.stanza = number;
  if (envelope->stanza->name() == "message") return on_message(std::move(*envelope));
  node_.router().route(std::move(*envelope));
  handled(number);
}

void IncomingStream::on_message(Envelope envelope) {
  envelope.must_log = receiver_.has_acks();
  std::string key = servers_.federation().resends().key_of(node_, envelope);
  envelope.sender.stream = std::make_shared<StreamRef>(loop_.index(), serial_, key);
  if (key.empty()) return node_.router().route(std::move(envelope));
  if (!servers_.federation().resends().begin(key, envelope.sender)) {
    ++loop_.counters().s2s_resent;
    return;
  }
  const std::string owner(envelope.to.bare_text());
  const auto seen = node_.log().has_seen_in_memory(owner, key);
  envelope.seen = {owner, std::move(key)};
  if (!seen) return look_up(std::move(envelope));
  if (!*seen) return node_.router().route(std::move(envelope));
  ++loop_.counters().s2s_resent;
  node_.router().confirm(envelope.sender);
}

void IncomingStream::look_up(Envelope envelope) {
  if (pauses_++ == 0) wire_->pause_reading();
  auto ask = [seen = *envelope.seen](storage::MessageLog& log) { return log.has_seen(seen.owner, seen.key); };
  node_.read_log(
      std::move(ask), [this, keep = shared_from_this(), envelope = std::move(envelope)](Result<bool> seen) mutable {
        if (!seen) {
          log::error("resend_not_looked_up", {{"jid", envelope.from.text()}, {"error", seen.error().message}});
          servers_.federation().resends().forget(envelope.seen->key);
          if (!is_closed_) fail(xmpp::StreamCondition::internal_server_error);  // it comes again
        } else if (*seen) {
          ++loop_.counters().s2s_resent;
          node_.router().confirm(envelope.sender);
        } else {
          node_.router().route(std::move(envelope));
        }
        resume();
      });
}

void IncomingStream::close(const xmpp::StreamError& error) {
  if (is_closed_) return;
  if (!header_sent_) {  // RFC 6120 §4.9.1.1
    xmpp::StreamHeader header;
    header.id = crypto::random_token();
    header.version = "1.0";
    header.from = servers_.federation().first_domain().text();
    header.content_ns = xmpp::ns::server;
    wire_->open(header);
    header_sent_ = true;
  }
  wire_->send(error.to_xml());
  ++loop_.counters().stream_errors[static_cast<size_t>(error.condition)];
  log::info("s2s_in_error",
            {{"ip", peer_ip_}, {"condition", std::string(to_string(error.condition))}, {"text", error.text}});
  is_closed_ = true;
  if (const auto verification = std::exchange(verification_, nullptr)) verification->close();
  wire_->finish();
}

void IncomingStream::on_closed(std::string_view reason) {
  const auto keep = std::move(self_);
  if (!keep) return;
  --loop_.counters().connections[static_cast<size_t>(ConnectionKind::s2s_in)];
  if (deadline_) loop_.cancel(*deadline_);
  if (owed_deadline_) loop_.cancel(*owed_deadline_);
  deadline_.reset();
  owed_deadline_.reset();
  place_.leave();
  servers_.remove(serial_);
  if (const auto verification = std::exchange(verification_, nullptr)) verification->close();
  if (was_authorised_)
    log::info("s2s_in_closed",
              {{"from", receiver_.pairs().begin()->first}, {"ip", peer_ip_}, {"reason", std::string(reason)}});
  is_closed_ = true;
  wire_->close();
}

std::string IncomingStream::describe() const {
  if (!was_authorised_) return "in " + peer_ip_ + " negotiating\n";
  std::string out;
  for (const auto& [theirs, ours] : receiver_.pairs()) {
    out += ours + " <- " + theirs + " open " + peer_ip_ + " by=" + std::string(receiver_.method()) +
           " acks=" + (receiver_.has_acks() ? "xep-0198" : "none") + " received=" + std::to_string(received_) +
           " durable=" + std::to_string(durable_) + "\n";
  }
  return out;
}

}  // namespace rookery::server::s2s
