#include "server/home/session.h"

#include <algorithm>

#include "crypto/random.h"
#include "server/home/homes.h"
#include "server/log.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

constexpr size_t ack_every = 10;  // stanzas sent before an acknowledgement is asked for
constexpr auto ack_after = std::chrono::seconds(2);
constexpr size_t queue_memory = 256 * 1024;  // beyond, what the log has is read from there again

std::string numbered(std::string_view name, uint32_t h) {
  return "<" + std::string(name) + " xmlns='urn:xmpp:sm:3' h='" + std::to_string(h) + "'/>";
}

std::optional<uint32_t> parse_count(std::string_view text) {
  if (text.empty() || text.size() > 10) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  if (value > UINT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(value);
}

}  // namespace

Session::Session(Home& home, xmpp::Jid full, uint64_t serial, ClientLink* link)
    : home_(home), jid_(std::move(full)), serial_(serial), link_(link) {}

Session::~Session() {
  *alive_ = false;
  home_.homes().loop().cancel(timer_);
  if (!sm_id_.empty() && !home_.is_abandoned()) home_.homes().batch().ended.push_back({home_.jid().text(), sm_id_});
}

void Session::on_element(xmpp::ElementPtr element) {
  if (element->ns() == xmpp::ns::sm) return on_management(*element);
  on_stanza(std::move(element));
}

void Session::on_legacy_session(xmpp::ElementPtr iq) {
  iq->set_attr("from", jid_.text());
  send(*xmpp::result_reply(*iq));
  ++received_;
  handled(received_);
}

void Session::on_stanza(xmpp::ElementPtr stanza) {
  ++received_;
  const uint32_t number = received_;
  stanza->set_attr("from", jid_.text());  // RFC 6120 §8.1.2.1, REQUIREMENTS 15
  const auto alive = alive_;
  if (stanza->name() == "message") return home_.message_from_client(*this, std::move(stanza), number);
  if (stanza->name() == "presence") {
    home_.presence_from_client(*this, std::move(stanza));
  } else {
    home_.iq_from_client(*this, std::move(stanza));
  }
  if (*alive) handled(number);
}

void Session::handled(uint32_t n) {
  if (n != durable_ + 1) {
    early_.insert(n);
    return;
  }
  durable_ = n;
  while (!early_.empty() && *early_.begin() == durable_ + 1) {
    ++durable_;
    early_.erase(early_.begin());
  }
  if (sm_id_.empty()) return promise(durable_);  // nothing survives a crash, so no count has to
  while (!counted_.empty() && counted_.front() <= durable_) {
    promise(counted_.front());
    counted_.pop_front();
  }
  if (ack_owed_ && durable_ >= owed_) record();
}

// XEP-0198 §5: a count that a client has heard must be the least that <failed/> says, so it is written before it is said.
void Session::record() {
  // A higher count is on its way already: to write a lower one after it would take it back.
  if (!counted_.empty() || recording_ >= durable_) return;
  recording_ = durable_;
  home_.homes().batch().counters.push_back({home_.jid().text(), sm_id_, durable_});
  home_.homes().after_commit([this, alive = alive_, n = durable_] {
    if (*alive) promise(n);
  });
}

void Session::promise(uint32_t n) {
  promised_ = std::max(promised_, n);
  if (!ack_owed_ || promised_ < owed_) return;
  ack_owed_ = false;
  send_ack();
}

void Session::settle() {
  if (!sm_id_.empty()) record();
}

void Session::count_with(uint32_t n, bool in_this_commit) {
  if (sm_id_.empty()) return;
  if (!in_this_commit) elsewhere_ = n;
  if (!in_this_commit || elsewhere_ > durable_) return;
  counted_.push_back(n);
  home_.homes().batch().counters.push_back({home_.jid().text(), sm_id_, n});
}

void Session::send_ack() {
  if (link_ != nullptr) link_->send(numbered("a", promised_));
}

void Session::on_management(const xmpp::Element& element) {
  const auto name = element.name();
  if (name == "enable") {
    if (sm_enabled_) return link_->send("<failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>");
    sm_enabled_ = true;
    received_ = durable_ = promised_ = recording_ = elsewhere_ = sent_ = acknowledged_ = 0;
    early_.clear();
    counted_.clear();
    const auto resume = element.attr("resume");
    std::string answer = "<enabled xmlns='urn:xmpp:sm:3'";
    if (resume == "true" || resume == "1") {
      sm_id_ = crypto::random_token();
      answer += " id='" + sm_id_ + "' resume='true' max='" +
                std::to_string(home_.node().config().resume_timeout.count()) + "'";
    }
    return link_->send(answer + "/>");
  }
  if (name == "r") {
    // REQUIREMENTS 18: what may be promised now, at once; the rest when it may.
    owed_ = received_;
    ack_owed_ = promised_ < owed_;
    send_ack();
    if (ack_owed_ && durable_ >= owed_) record();
    return;
  }
  if (name == "a") {
    const auto h = parse_count(element.attr("h"));
    ack_requested_ = false;
    if (!h || !is_plausible(*h)) return end(acknowledged_too_much(h.value_or(0)));
    acknowledge(*h);
    // What was sent behind our last <r/> still waits for one, and during a catch-up no later stanza would ask.
    return request_ack_later();
  }
  end({.condition = xmpp::StreamCondition::unsupported_stanza_type});
}

xmpp::StreamError Session::acknowledged_too_much(uint32_t acknowledged) const {
  return {.condition = xmpp::StreamCondition::undefined_condition,
          .text = "You acknowledged more stanzas than were sent",
          .application = "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='" + std::to_string(acknowledged) +
                         "' send-count='" + std::to_string(sent_) + "'/>"};
}

void Session::acknowledge(uint32_t count) {
  while (acknowledged_ != count && !queue_.empty()) {
    ++acknowledged_;
    const Out out = std::move(queue_.front());
    queue_.pop_front();
    queue_bytes_ -= out.xml.size();
    if (out.id != 0) home_.acknowledged(out.id);
  }
  if (catching_up && queue_.size() < ack_every) home_.catch_up(*this);
}

void Session::on_drained() {
  if (sm_enabled_) return;
  for (; !queue_.empty(); queue_.pop_front()) home_.acknowledged(queue_.front().id);
  if (catching_up) home_.catch_up(*this);
}

void Session::send(const xmpp::Element& stanza) { send(stanza.to_xml(xmpp::ns::client)); }

void Session::send(std::string xml, storage::LogId id) {
  if (link_ != nullptr) link_->send(xml);
  if (!sm_enabled_) {
    if (id != 0) queue_.push_back({{}, id});
    return;
  }
  ++sent_;
  const bool keep = queue_bytes_ < queue_memory || id == 0;
  if (!keep) xml.clear();
  queue_bytes_ += xml.size();
  queue_.push_back({std::move(xml), id});
  request_ack_later();
}

void Session::request_ack_later() {
  if (link_ == nullptr || ack_requested_) return;
  if (queue_.size() >= ack_every) {
    ack_requested_ = true;
    return link_->send("<r xmlns='urn:xmpp:sm:3'/>");
  }
  if (queue_.size() != 1) return;  // the first one starts the clock
  home_.homes().loop().cancel(timer_);
  timer_ = home_.homes().loop().after(ack_after, [this] {
    if (link_ == nullptr || queue_.empty() || ack_requested_) return;
    ack_requested_ = true;
    link_->send("<r xmlns='urn:xmpp:sm:3'/>");
  });
}

void Session::on_link_lost(bool clean) {
  link_ = nullptr;
  home_.homes().loop().cancel(timer_);
  ack_requested_ = false;
  if (clean || sm_id_.empty()) return give_up();
  timer_ = home_.homes().loop().after(home_.node().config().resume_timeout, [this] { give_up(); });
}

void Session::give_up() {
  if (available) home_.session_unavailable(*this, nullptr);
  std::vector<storage::LogId> lost;
  for (const Out& out : queue_) {
    if (out.id != 0) lost.push_back(out.id);
  }
  Home& home = home_;
  home.session_ended(*this);  // `this` is gone
  for (const auto id : lost) home.released(id);
}

void Session::abandon() {
  home_.homes().loop().cancel(timer_);
  if (link_ == nullptr) return;
  std::exchange(link_, nullptr)->close({.condition = xmpp::StreamCondition::reset, .text = "The account has moved to another node"});
}

void Session::end(const xmpp::StreamError& error) {
  if (link_ != nullptr) std::exchange(link_, nullptr)->close(error);
  home_.homes().loop().cancel(timer_);
  give_up();
}

std::string Session::resume(ClientLink& link, uint32_t acknowledged) {
  home_.homes().loop().cancel(timer_);
  if (link_ != nullptr) std::exchange(link_, nullptr)->close({.condition = xmpp::StreamCondition::conflict, .text = "resumed elsewhere"});
  ack_requested_ = false;
  link_ = &link;
  acknowledge(acknowledged);
  return "<resumed xmlns='urn:xmpp:sm:3' h='" + std::to_string(promised_) + "' previd='" + sm_id_ + "'/>";
}

void Session::begin() {
  if (link_ == nullptr || queue_.empty()) return;
  // What was in memory leaves at once; what was spilled is read from the log first, and order is kept.
  std::vector<storage::LogId> spilled;
  for (const Out& out : queue_) {
    if (out.xml.empty()) spilled.push_back(out.id);
  }
  if (!spilled.empty()) {
    return end({.condition = xmpp::StreamCondition::resource_constraint, .text = "too far behind, log in again"});
  }
  for (const Out& out : queue_) link_->send(out.xml);
  ack_requested_ = true;
  link_->send("<r xmlns='urn:xmpp:sm:3'/>");
}

bool Session::accepts_input() const { return home_.homes().accepts_input(); }

}  // namespace rookery::server
