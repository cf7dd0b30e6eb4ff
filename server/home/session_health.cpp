// How a session's connection does: whether it can be reached, whether anybody is there (path_choice.h).
#include "crypto/random.h"
#include "server/home/homes.h"
#include "server/home/importance.h"
#include "server/home/session.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

namespace {
constexpr auto probe_interval = std::chrono::seconds(60);
constexpr int patiences_for_a_ping =
    4;  // of limits.stalled_after: two minutes, as TCP_USER_TIMEOUT has it for what was sent
}  // namespace

Path Session::path() const {
  if (!is_reachable()) return Path::stalled;
  const auto unanswered = ack_requested_ ? home_.homes().loop().now() - ack_requested_at_ : Clock::duration(0);
  return judge_path(link_->health(), std::chrono::duration_cast<std::chrono::milliseconds>(unanswered),
                    home_.node().config().stalled_after);
}

void Session::check_path() {
  if (link_ == nullptr) return;
  check_silence();
  if (!ack_requested_) return;
  if (stalled_) {
    // Something has to be on its way, or nobody would notice that the connection is dead (TCP_USER_TIMEOUT).
    if (home_.homes().loop().now() - ack_requested_at_ >= probe_interval) request_ack();
    return;
  }
  if (path() != Path::stalled) return;
  stalled_ = true;
  tell_of_unacknowledged();
}

// RFC 6120 §4.6.3: a connection that died while nothing was said over it looks like any other until somebody says
// something. TCP's own probes would end at a proxy in front of us.
void Session::check_silence() {
  const Config& config = home_.node().config();
  const auto now = home_.homes().loop().now();
  if (config.ping_after.count() == 0 || now - heard_at_ < config.ping_after) return;
  if (pinged_at_ != Clock::time_point{})
    return now - pinged_at_ >= patiences_for_a_ping * config.stalled_after ? lose_link() : void();
  pinged_at_ = now;
  if (ack_requested_) return;
  if (sm_enabled_) return request_ack();
  auto ping = xmpp::Element::make("iq", xmpp::ns::client);
  ping->set_attr("type", "get")
      .set_attr("id", crypto::random_token())
      .set_attr("from", jid_.domain())
      .set_attr("to", jid_.text());
  ping->add("ping", xmpp::ns::ping);
  link_->send(ping->to_xml(xmpp::ns::client));
}

void Session::lose_link() {
  home_.homes().loop().at_turn_end([this, alive = alive_] {
    if (!*alive || link_ == nullptr) return;
    ClientLink& link = *link_;
    on_link_lost(false);  // `this` may be gone
    link.close({.condition = xmpp::StreamCondition::connection_timeout});
  });
}

// What was sent into a connection that does not work has reached nobody, as far as we know.
void Session::tell_of_unacknowledged() {
  if (!home_.push) return;
  for (const Out& out : queue_) {
    if (!out.xml.starts_with("<message")) continue;
    const auto message = xmpp::parse_own(out.xml, xmpp::ns::client);
    if (message) home_.tell_of(original_of(**message));
  }
}

}  // namespace rookery::server
