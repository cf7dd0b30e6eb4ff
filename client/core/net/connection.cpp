#include "client/core/net/connection.h"

#include <algorithm>
#include <cmath>

#include "client/core/origin_gate.h"
#include "crypto/random.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/payload.h"

namespace rookery::client {

namespace ns = xmpp::ns;
using namespace std::chrono_literals;

namespace {

constexpr auto connect_limit = 60s;  // of TCP, TLS and login together
constexpr auto answer_limit = 30s;
constexpr auto silence_before_probe = 60s;
constexpr auto probe_limit = 20s;

/// Doubles from one second to a minute; ±50 % so that clients of a restarted server do not all come at once.
std::chrono::milliseconds backoff(int failures) {
  const double seconds = std::min(60.0, std::ldexp(1.0, std::min(failures, 6)));
  const auto random = static_cast<uint8_t>(crypto::random_bytes(1)[0]);
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * (500 + random * 1000.0 / 255)));
}

}  // namespace

Connection::Connection(Negotiation::Options options, const Endpoint& endpoint, ConnectionObserver& observer)
    : options_(std::move(options)),
      observer_(observer),
      transport_(options_.account, endpoint, *this),
      negotiation_(options_) {}

void Connection::connect() {
  if (phase_ != Phase::stopped && phase_ != Phase::waiting) return;
  retry_ = true;
  reason_.reset();
  phase_ = Phase::connecting;
  deadline_ = Clock::now() + connect_limit;
  if (auto status = transport_.connect(); !status) on_closed(status.error());
}

void Connection::disconnect() {
  retry_ = false;
  if (phase_ == Phase::stopped) return;
  if (phase_ == Phase::waiting) return on_closed({Failure::unavailable, "disconnected"});
  if (online_ && sm_.enabled())
    transport_.send("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(sm_.handled_count()) + "'/>");
  phase_ = Phase::closing;
  deadline_ = Clock::now() + 3s;
  reason_ = Error{Failure::unavailable, "disconnected"};
  transport_.close_stream();
}

void Connection::interrupt() { transport_.abort(); }

void Connection::on_connected() {
  phase_ = Phase::negotiating;
  std::optional<Negotiation::Resume> resume;
  if (sm_.can_resume()) resume = Negotiation::Resume{sm_.id(), sm_.handled_count()};
  negotiation_.start(false, {}, std::move(resume));
  if (transport_.direct_tls()) return secure_and_open();
  transport_.open_stream();
}

void Connection::secure_and_open() {
  if (auto status = transport_.start_tls(); !status)
    return give_up(status.error(), status.error().failure == Failure::denied);
  negotiation_.secured(transport_.bindings());
  transport_.open_stream();
}

void Connection::on_element(const xmpp::Element& element) {
  last_heard_ = Clock::now();
  probed_ = false;
  if (phase_ == Phase::negotiating) return negotiate(negotiation_.on(element));
  if (phase_ != Phase::online && phase_ != Phase::closing) return;
  if (element.ns() == ns::sm) return handle_sm(element);
  if (element.is("error", ns::streams)) return negotiate(negotiation_.on(element));
  const bool is_stanza = element.ns() == ns::client;
  if (!is_stanza) return;
  if (!take_answer(element)) observer_.on_stanza(element);
  if (sm_.enabled()) sm_.handled();
}

void Connection::negotiate(const Negotiation::Step& step) {
  using Kind = Negotiation::Step::Kind;
  switch (step.kind) {
    case Kind::wait:
      return;
    case Kind::send:
      return transport_.send(step.xml);
    case Kind::start_tls:
      return secure_and_open();
    case Kind::open_stream:
      return transport_.open_stream();
    case Kind::resumed:
      return go_online(true);
    case Kind::bound:
      return go_online(false);
    case Kind::failed:
      return give_up(step.error, step.is_final);
  }
}

void Connection::go_online(bool resumed) {
  // While still offline: who waited for an answer of the lost session must not mistake this one for it.
  if (!resumed) fail_pending();
  phase_ = Phase::online;
  online_ = true;
  failures_ = 0;
  deadline_ = Clock::time_point::max();
  last_heard_ = Clock::now();
  request_open_ = false;
  if (const auto h = negotiation_.server_handled()) acknowledge(*h);
  if (resumed) {
    // XEP-0198 §5: what the server has not handled is sent again, and counts as before.
    for (const auto& stanza : sm_.unacknowledged()) transport_.send(stanza.xml);
    if (!sm_.unacknowledged().empty()) transport_.send("<r xmlns='urn:xmpp:sm:3'/>");
  } else {
    sm_.stop();
    if (negotiation_.stream_management()) sm_.start(negotiation_.session_id());
  }
  observer_.on_online(resumed);
}

void Connection::handle_sm(const xmpp::Element& element) {
  if (element.name() == "r")
    return transport_.send("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(sm_.handled_count()) + "'/>");
  if (element.name() != "a") return;
  request_open_ = false;
  if (const auto h = xmpp::parse_uint32(element.attr("h"))) acknowledge(*h);
  if (sm_.unacknowledged().empty()) return;
  request_open_ = true;
  transport_.send("<r xmlns='urn:xmpp:sm:3'/>");
}

void Connection::acknowledge(uint32_t h) {
  const auto result = sm_.acknowledged(h);
  if (!result.valid) return give_up({Failure::invalid, "the server acknowledges more than was sent"}, false);
  for (const auto message : result.messages) observer_.on_acknowledged(message);
}

void Connection::send(const xmpp::Element& stanza, int64_t message) { send_xml(stanza.to_xml(ns::client), message); }

void Connection::send_xml(std::string xml, int64_t message) {
  if (!online_) return;
  transport_.send(xml);
  if (!sm_.enabled()) {
    if (message) observer_.on_acknowledged(message);
    return;
  }
  sm_.sent({std::move(xml), message});
  if (request_open_) return;
  request_open_ = true;
  transport_.send("<r xmlns='urn:xmpp:sm:3'/>");
}

void Connection::send_iq(xmpp::ElementPtr iq, Answer answer) {
  if (!online_) return answer(nullptr);
  const std::string id = crypto::random_token();
  iq->set_attr("id", id);
  auto to = xmpp::Jid::parse(iq->attr("to"));
  pending_[id] = {to ? *to : xmpp::Jid(), std::move(answer), Clock::now() + answer_limit};
  send(*iq);
}

bool Connection::take_answer(const xmpp::Element& iq) {
  if (iq.name() != "iq" || (iq.attr("type") != "result" && iq.attr("type") != "error")) return false;
  const auto found = pending_.find(std::string(iq.attr("id")));
  if (found == pending_.end()) return true;
  // REQUIREMENTS 30: only who was asked may answer; a guessed id is worth nothing.
  if (!OriginGate(jid()).is_answer_from(found->second.to, iq.attr("from"))) return true;
  const Answer answer = std::move(found->second.answer);
  pending_.erase(found);
  answer(&iq);
  return true;
}

void Connection::fail_pending() {
  auto pending = std::exchange(pending_, {});
  for (auto& [id, entry] : pending) entry.answer(nullptr);
}

void Connection::expire_pending(Clock::time_point now) {
  std::vector<Answer> expired;
  for (auto entry = pending_.begin(); entry != pending_.end();) {
    if (entry->second.deadline > now || !online_) {
      ++entry;
      continue;
    }
    expired.push_back(std::move(entry->second.answer));
    entry = pending_.erase(entry);
  }
  for (const auto& answer : expired) answer(nullptr);
}

void Connection::keep_alive(Clock::time_point now) {
  if (!online_) return;
  if (!probed_ && now - last_heard_ > silence_before_probe) {
    probed_ = true;
    if (sm_.enabled()) return transport_.send("<r xmlns='urn:xmpp:sm:3'/>");
    auto ping = xmpp::Element::make("iq", ns::client);
    ping->set_attr("type", "get").add("ping", ns::ping);
    return send_iq(std::move(ping), [](const xmpp::Element*) {});
  }
  if (probed_ && now - last_heard_ > silence_before_probe + probe_limit)
    give_up({Failure::unavailable, "the server does not answer"}, false);
}

void Connection::give_up(Error error, bool is_final) {
  if (is_final) retry_ = false;
  if (!reason_) reason_ = std::move(error);
  transport_.abort();
}

void Connection::on_closed(Error error) {
  if (reason_) error = std::move(*reason_);
  reason_.reset();
  online_ = false;
  std::optional<std::chrono::milliseconds> retry_in;
  if (retry_) {
    retry_in = backoff(failures_++);
    phase_ = Phase::waiting;
    deadline_ = Clock::now() + *retry_in;
  } else {
    phase_ = Phase::stopped;
    deadline_ = Clock::time_point::max();
    sm_.stop();
  }
  if (!sm_.can_resume()) fail_pending();
  observer_.on_offline(error, retry_in);
}

Connection::Clock::time_point Connection::next_deadline() const {
  auto next = deadline_;
  if (!online_) return next;
  for (const auto& [id, entry] : pending_) next = std::min(next, entry.deadline);
  return std::min(next, last_heard_ + silence_before_probe + (probed_ ? probe_limit : 0s));
}

void Connection::process() {
  transport_.process();
  const auto now = Clock::now();
  expire_pending(now);
  keep_alive(now);
  if (now < deadline_) return;
  deadline_ = Clock::time_point::max();
  if (phase_ == Phase::waiting) return connect();
  give_up({Failure::unavailable, "the server does not answer in time"}, false);
}

}  // namespace rookery::client
