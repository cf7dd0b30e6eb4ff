#include "server/edge/client_stream.h"

#include "crypto/hash.h"
#include "crypto/random.h"
#include "server/home/homes.h"
#include "server/log.h"
#include "server/net/tls_holder.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

constexpr size_t unauthenticated_budget = 64 * 1024;
constexpr auto input_retry = std::chrono::milliseconds(20);

}  // namespace

ClientStream::ClientStream(Node& node, Loop& loop, std::shared_ptr<StreamWire> wire, std::string peer_ip,
                           const Door& door)
    : node_(node),
      loop_(&loop),
      peer_ip_(std::move(peer_ip)),
      security_(door.security),
      kind_(door.kind),
      wire_(std::move(wire)),
      allowance_(node.config().burst_bytes, loop.now()) {}

ClientStream::~ClientStream() { --node_.connections; }

void ClientStream::accept(Node& node, Loop& loop, std::shared_ptr<StreamWire> wire, std::string peer_ip,
                          const Door& door) {
  ++node.connections;
  const Security security = door.security;
  std::shared_ptr<ClientStream> stream(new ClientStream(node, loop, std::move(wire), std::move(peer_ip), door));
  ++loop.counters().accepted[static_cast<size_t>(door.kind)];
  ++loop.counters().connections[static_cast<size_t>(door.kind)];
  stream->self_ = stream;
  stream->place_ = node.limits().enter(stream->peer_ip_, door.address, loop, [&stream = *stream] { stream.evict(); });
  const bool awaits_tls = security == Security::starttls || security == Security::direct_tls;
  stream->start_deadline(stream->accepted_at_ + (awaits_tls ? node.config().tls_timeout : node.config().auth_timeout));
  stream->wire_->start(*stream);
}

// REQUIREMENTS 1: the time counts from the connection's beginning, whatever is sent meanwhile.
void ClientStream::start_deadline(Clock::time_point end) {
  end_deadline();
  deadline_ = loop_->after(end - Clock::now(), [this] {
    deadline_.reset();
    fail(xmpp::StreamCondition::connection_timeout);
  });
}

void ClientStream::end_deadline() {
  if (deadline_) loop_->cancel(*deadline_);
  deadline_.reset();
}

void ClientStream::on_tls_established() {
  if (const Status good = crypto::acceptable(wire_->ssl()); !good) return on_closed(good.error().message);
  start_deadline(accepted_at_ + node_.config().auth_timeout);
}

void ClientStream::on_input(size_t bytes) {
  if (state_ == State::closed) return;
  if (state_ < State::authenticated) {
    unauthenticated_bytes_ += bytes;
    if (unauthenticated_bytes_ > unauthenticated_budget) return fail(xmpp::StreamCondition::policy_violation);
  } else {
    charge(bytes);
  }
  process();
}

void ClientStream::charge(size_t bytes) {
  const auto time = allowance_.charge(bytes, node_.config().bytes_per_second, node_.config().burst_bytes, loop_->now());
  if (time.count() == 0) return;
  // REQUIREMENTS 6: too fast: reading pauses until the debt is paid.
  ++node_.reading_pauses;
  wire_->pause_reading();
  if (std::exchange(is_in_debt_, true)) return;
  loop_->after(time, [this, self = shared_from_this()] {
    is_in_debt_ = false;
    if (state_ != State::closed && !waiting_) wire_->resume_reading();
  });
}

void ClientStream::wait() {
  waiting_ = true;
  wire_->pause_reading();
}

void ClientStream::go_on() {
  waiting_ = false;
  if (state_ == State::closed) return;
  if (!is_in_debt_) wire_->resume_reading();
  process();
}

void ClientStream::on_input_wanted() {
  if (std::exchange(waits_for_session_, false)) go_on();
}

void ClientStream::process() {
  if (processing_) return;
  const auto keep = shared_from_this();
  processing_ = true;
  while (!waiting_ && state_ != State::closed) {
    if (session_ != nullptr && !session_->accepts_input()) {
      // REQUIREMENTS 21: nothing can be promised now. The session says so when it was it alone; the disk is asked
      // again.
      wait();
      waits_for_session_ = true;
      loop_->after(input_retry, [this, keep] { on_input_wanted(); });
      break;
    }
    auto event = wire_->next();
    if (!event) break;
    if (auto* header = std::get_if<xmpp::StreamHeader>(&*event)) {
      on_header(*header);
    } else if (auto* element = std::get_if<xmpp::ElementPtr>(&*event)) {
      on_element(std::move(*element));
    } else if (auto* error = std::get_if<xmpp::StreamError>(&*event)) {
      fail(*error);
    } else {
      if (session_ != nullptr) std::exchange(session_, nullptr)->on_link_lost(true);
      state_ = State::closed;
      wire_->finish();
    }
  }
  processing_ = false;
}

void ClientStream::open_stream(std::string to) {
  xmpp::StreamHeader header;
  header.id = crypto::random_token();
  header.version = "1.0";
  header.lang = "en";
  header.from = domain_.empty() ? node_.config().domains.front() : domain_;
  header.to = std::move(to);
  wire_->open(header);
  header_sent_ = true;
}

void ClientStream::on_header(const xmpp::StreamHeader& header) {
  const auto to = xmpp::Jid::parse(header.to);
  const bool known = to && to->is_domain() && node_.router().is_local_domain(to->domain());
  if (known && domain_.empty()) domain_ = to->text();
  open_stream(xmpp::Jid::parse(header.from) ? header.from : "");
  if (header.content_ns != xmpp::ns::client) return fail(xmpp::StreamCondition::invalid_namespace);
  if (!header.version.starts_with("1.")) return fail(xmpp::StreamCondition::unsupported_version);
  if (!known || to->text() != domain_) return fail(xmpp::StreamCondition::host_unknown);
  if (state_ == State::opening) {
    from_ = header.from;
    const auto from = xmpp::Jid::parse(from_);
    // XEP-0388 §2.1, RFC 6120 §4.9.3.9
    if (!from_.empty() && (!from || from->domain() != to->domain())) return fail(xmpp::StreamCondition::invalid_from);
  }
  send_features();
}

// The one table of what is allowed when (REQUIREMENTS 4).
void ClientStream::on_element(xmpp::ElementPtr element) {
  const auto name = element->name();
  const auto ns = element->ns();
  switch (state_) {
    case State::features_sent:
      if (element->is("starttls", xmpp::ns::tls) && !wire_->is_encrypted() && security_ == Security::starttls)
        return on_starttls();
      if (ns == xmpp::ns::sasl && may_authenticate()) return on_sasl(*element);
      if (ns == xmpp::ns::sasl2 && wire_->is_encrypted()) {
        sasl2_ = std::make_unique<Sasl2>(*this);
        return sasl2_->on_element(*element);
      }
      if (ns == xmpp::ns::sasl) {
        return wire_->send("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><encryption-required/></failure>");
      }
      if (name == "iq" && may_authenticate() && may_register(*element)) {
        wait();
        if (!stranger_) stranger_ = std::make_shared<Stranger>();
        stranger_->domain = domain_;
        stranger_->ip = peer_ip_;
        return node_.register_before_auth(std::move(element), stranger_,
                                          [this, self = shared_from_this()](xmpp::ElementPtr reply) {
                                            wire_->send(reply->to_xml(xmpp::ns::client));
                                            go_on();
                                          });
      }
      return fail(xmpp::StreamCondition::not_authorized);
    case State::authenticating:
      if (ns == xmpp::ns::sasl2 && sasl2_) return sasl2_->on_element(*element);
      if (ns == xmpp::ns::sasl && !sasl2_) return on_sasl(*element);
      return fail(xmpp::StreamCondition::not_authorized);
    case State::authenticated:
      if (name == "iq" && element->child("bind", xmpp::ns::bind) != nullptr) return on_bind(std::move(element));
      if (element->is("resume", xmpp::ns::sm)) return on_resume(*element);
      if (ns == xmpp::ns::sm) {
        return send(
            "<failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>");
      }
      return fail(xmpp::StreamCondition::not_authorized);
    case State::bound:
      if (session_ == nullptr) return;
      if (name == "iq" && element->child("session", xmpp::ns::session) != nullptr && element->attr("type") == "set") {
        return session_->on_legacy_session(std::move(element));  // RFC 3921 §3: nothing to do any more
      }
      if (ns == xmpp::ns::csi && (name == "active" || name == "inactive"))
        return session_->on_element(std::move(element));
      if (ns == xmpp::ns::sm || (ns == xmpp::ns::client && (name == "message" || name == "presence" || name == "iq"))) {
        return session_->on_element(std::move(element));
      }
      return fail(xmpp::StreamCondition::unsupported_stanza_type);
    case State::opening:
    case State::closed:
      return fail(xmpp::StreamCondition::not_authorized);
  }
}

/// XEP-0445 §4: with an invitation too; who has none hears so in the answer.
bool ClientStream::may_register(const xmpp::Element& iq) const {
  if (node_.config().registration) return true;
  if (node_.config().invites == "nobody") return false;
  return iq.child("preauth", xmpp::ns::pars) != nullptr || iq.child("query", xmpp::ns::registration) != nullptr;
}

void ClientStream::on_starttls() {
  // REQUIREMENTS 3: what was sent behind <starttls/> in the clear must not be taken for encrypted.
  if (wire_->has_pending()) return fail(xmpp::StreamCondition::policy_violation);
  wire_->start_tls("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", node_.tls().starttls());
  state_ = State::opening;
  header_sent_ = false;
  stranger_.reset();
  domain_.clear();
}

void ClientStream::on_bind(xmpp::ElementPtr iq) {
  wait();
  std::string resource = iq->child("bind", xmpp::ns::bind)->child_text("resource", xmpp::ns::bind);
  const auto refuse = [this](const xmpp::Element& request, const xmpp::StanzaError& error) {
    send(xmpp::error_reply(request, error)->to_xml(xmpp::ns::client));
    go_on();
  };
  if (iq->attr("type") != "set" || (!resource.empty() && !account_.with_resource(resource))) {
    return refuse(*iq, {.condition = xmpp::Condition::bad_request});
  }
  const std::shared_ptr<xmpp::Element> request = std::move(iq);
  bind_session(node_, account_, {.resource = std::move(resource), .options = {}}, *this,
               [this, self = shared_from_this(), request, refuse](const BindOutcome& outcome) {
                 if (outcome.refused) return refuse(*request, *outcome.refused);
                 if (outcome.moved) return fail(xmpp::StreamCondition::reset);
                 if (outcome.session == nullptr) return fail(xmpp::StreamCondition::not_authorized);
                 bound(*outcome.session);
                 auto result = xmpp::result_reply(*request);
                 result->add("bind", xmpp::ns::bind).add_text_child("jid", session_->jid().text());
                 wire_->send(result->to_xml(xmpp::ns::client));
                 log::debug("bound", {{"jid", session_->jid().text()}, {"ip", peer_ip_}});
                 session_->begin();
                 go_on();
               });
}

void ClientStream::on_resume(const xmpp::Element& resume) {
  std::string id(resume.attr("previd"));
  uint64_t handled = 0;
  const std::string h(resume.attr("h"));
  if (h.empty() || h.size() > 10 || h.find_first_not_of("0123456789") != std::string::npos ||
      (handled = std::stoull(h)) > UINT32_MAX) {
    return fail(xmpp::StreamCondition::policy_violation);
  }
  wait();
  resume_session(node_, account_, {.previous = std::move(id), .handled = static_cast<uint32_t>(handled)}, *this,
                 [this, self = shared_from_this()](ResumeOutcome outcome) { resumed(std::move(outcome)); });
}

void ClientStream::resumed(ResumeOutcome outcome) {
  if (outcome.error) return fail(*outcome.error);
  if (outcome.moved) return fail(xmpp::StreamCondition::reset);
  if (!outcome.known_account) return fail(xmpp::StreamCondition::not_authorized);
  if (outcome.session == nullptr) return resume_failed(outcome.handled);
  bound(*outcome.session);
  wire_->send(outcome.resumed);
  session_->begin();
  go_on();
}

void ClientStream::bound(ClientSession& session) {
  session_ = &session;
  state_ = State::bound;
  place_.leave();
  end_deadline();
}

void ClientStream::resume_failed(std::optional<uint32_t> handled) {
  std::string out = "<failed xmlns='urn:xmpp:sm:3'";
  if (handled) out += " h='" + std::to_string(*handled) + "'";
  send(out + "><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>");
  go_on();
}

void ClientStream::send(std::string_view xml) {
  if (state_ == State::closed) return;
  wire_->send(xml);
  if (wire_->outbox_bytes() <= node_.config().outbox_bytes) return;
  // A peer that does not read: its session is kept, its connection is not.
  state_ = State::closed;
  loop_->at_turn_end([self = shared_from_this()] { self->on_closed("outbox full"); });
}

void ClientStream::close(const xmpp::StreamError& error) {
  session_ = nullptr;
  fail(error);
}

void ClientStream::fail(const xmpp::StreamError& error) {
  if (state_ == State::closed) return;
  if (session_ != nullptr) std::exchange(session_, nullptr)->on_link_lost(false);
  // RFC 6120 §4.9.1.1: an error before any header still needs one.
  if (!header_sent_) open_stream({});
  wire_->send(error.to_xml());
  ++loop_->counters().stream_errors[static_cast<size_t>(error.condition)];
  state_ = State::closed;
  wire_->finish();
}

void ClientStream::evict() {
  const auto keep = shared_from_this();
  fail(xmpp::StreamCondition::resource_constraint, "Too many connections that have not logged in");
  wire_->finish_now();
}

void ClientStream::on_drained() {
  if (session_ != nullptr) session_->on_drained();
}

void ClientStream::on_closed(std::string_view reason) {
  const auto keep = std::move(self_);
  if (keep) --loop_->counters().connections[static_cast<size_t>(kind_)];
  end_deadline();
  place_.leave();
  state_ = State::closed;
  wire_->close();
  if (session_ == nullptr) return;
  log::debug("disconnected", {{"jid", session_->jid().text()}, {"reason", std::string(reason)}});
  std::exchange(session_, nullptr)->on_link_lost(false);
}

}  // namespace rookery::server
