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
constexpr size_t page_bytes = 128 * 1024;    // sent at once after a resumption; the rest follows when that has left
constexpr size_t page_stanzas = 100;

std::string numbered(std::string_view name, uint32_t h) {
  return "<" + std::string(name) + " xmlns='urn:xmpp:sm:3' h='" + std::to_string(h) + "'/>";
}

// XEP-0198 §4: counters wrap at 2^32. Of two counts that are less than 2^31 apart: has `count` come to `goal`?
bool reaches(uint32_t count, uint32_t goal) { return static_cast<int32_t>(count - goal) >= 0; }

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
    : home_(home), jid_(std::move(full)), serial_(serial), link_(link), heard_at_(home.homes().loop().now()) {
  ++counters().sessions;
  if (link_ == nullptr) ++counters().sessions_waiting;
}

Session::~Session() {
  *alive_ = false;
  --counters().sessions;
  set_available(false);
  if (link_ == nullptr) --counters().sessions_waiting;
  home_.homes().loop().cancel(timer_);
  if (!sm_id_.empty() && !home_.is_abandoned()) home_.homes().batch().ended.push_back({home_.jid().text(), sm_id_});
}

LoopCounters& Session::counters() { return home_.homes().loop().counters(); }

ClientLink* Session::set_link(ClientLink* link) {
  counters().sessions_waiting += (link == nullptr ? 1 : 0) - (link_ == nullptr ? 1 : 0);
  return std::exchange(link_, link);
}

void Session::set_available(bool is_available) {
  counters().sessions_available += (is_available ? 1 : 0) - (available ? 1 : 0);
  available = is_available;
}

bool Session::accepts_input() const { return !held_up_ && home_.homes().accepts_input(); }

void Session::on_element(xmpp::ElementPtr element) {
  heard_at_ = home_.homes().loop().now();
  pinged_at_ = {};
  if (held_up_) return keep_for_later(std::move(element));
  if (element->ns() == xmpp::ns::sm) return on_management(*element);
  if (element->ns() == xmpp::ns::csi) return set_active(element->name() == "active");
  on_stanza(std::move(element));
}

// The edge stops reading when it hears of it; one on another node hears late, and a slow database must not fill our
// memory.
void Session::keep_for_later(xmpp::ElementPtr element) {
  const size_t bytes = element->to_xml(xmpp::ns::client).size();
  held_bytes_ += bytes;
  held_.push_back({std::move(element), bytes});
  if (held_bytes_ <= home_.node().config().outbox_bytes) return;
  held_.clear();
  end({.condition = xmpp::StreamCondition::resource_constraint, .text = "too much waits for the storage"});
}

void Session::set_active(bool active) {
  const size_t most = home_.node().config().held_stanzas;
  if (!active && held_back_ == nullptr && most > 0) held_back_ = std::make_unique<HeldBack>(most);
  if (!active || held_back_ == nullptr) return;
  release_held_back();
  held_back_.reset();
}

void Session::release_held_back() {
  for (std::string& xml : held_back_->release()) deliver(std::move(xml), 0);
}

void Session::release() {
  held_up_ = false;
  const auto alive = alive_;
  while (*alive && !held_up_ && !held_.empty()) {
    auto [element, bytes] = std::move(held_.front());
    held_.pop_front();
    held_bytes_ -= bytes;
    on_element(std::move(element));
  }
  if (!*alive || held_up_) return;
  if (gives_up_then_) return give_up();
  if (link_ != nullptr) link_->on_input_wanted();
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
  ++counters().stanzas_in[static_cast<size_t>(kind_of(stanza->name().front()))];
  if (stanza->name() == "message") return home_.message_from_client(*this, std::move(stanza), number);
  if (stanza->name() == "presence") {
    home_.presence_from_client(*this, std::move(stanza));
  } else {
    home_.iq_from_client(*this, std::move(stanza));
  }
  if (*alive) handled(number);
}

void Session::handled(uint32_t n) {
  if (reaches(durable_, n)) return;  // sent before <enable/>
  if (n != durable_ + 1) {
    early_.insert(n);
    return;
  }
  durable_ = n;
  while (early_.erase(durable_ + 1) > 0) ++durable_;
  if (reaches(durable_, elsewhere_)) elsewhere_ = durable_;
  if (sm_id_.empty()) return promise(durable_);  // nothing survives a crash, so no count has to
  while (!counted_.empty() && reaches(durable_, counted_.front())) {
    promise(counted_.front());
    counted_.pop_front();
  }
  if (ack_owed_ && reaches(durable_, owed_)) record();
}

// XEP-0198 §5: a count that a client has heard must be the least that <failed/> says, so it is written before it is
// said.
void Session::record() {
  // A higher count is on its way already: to write a lower one after it would take it back.
  if (!counted_.empty() || reaches(recording_, durable_)) return;
  recording_ = durable_;
  home_.homes().batch().counters.push_back({home_.jid().text(), sm_id_, durable_ - base_});
  home_.homes().after_commit([this, alive = alive_, n = durable_] {
    if (*alive) promise(n);
  });
}

void Session::promise(uint32_t n) {
  if (reaches(n, promised_)) promised_ = n;
  if (!ack_owed_ || !reaches(promised_, owed_)) return;
  ack_owed_ = false;
  send_ack();
}

void Session::settle() {
  if (!sm_id_.empty()) record();
}

void Session::count_with(uint32_t n, bool in_this_commit) {
  if (sm_id_.empty()) return;
  if (!in_this_commit) elsewhere_ = n;
  if (!in_this_commit || !reaches(durable_, elsewhere_)) return;
  counted_.push_back(n);
  home_.homes().batch().counters.push_back({home_.jid().text(), sm_id_, n - base_});
}

void Session::send_ack() {
  if (link_ != nullptr) link_->send(numbered("a", promised_ - base_));
}

std::string Session::enable_management(const xmpp::Element& enable) {
  if (sm_enabled_)
    return "<failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";
  sm_enabled_ = true;
  // Stanzas of before may still be on their way to the disk; they are not counted.
  base_ = durable_ = promised_ = recording_ = elsewhere_ = received_;
  sent_ = acknowledged_ = 0;
  early_.clear();
  counted_.clear();
  const auto resume = enable.attr("resume");
  std::string answer = "<enabled xmlns='urn:xmpp:sm:3'";
  if (resume == "true" || resume == "1") {
    sm_id_ = crypto::random_token();
    resume_for_ = home_.node().config().resume_timeout;
    // §3: "max": the client's preference, which we can only undercut.
    if (const auto wish = parse_count(enable.attr("max")); wish && *wish > 0)
      resume_for_ = std::min(resume_for_, std::chrono::seconds(*wish));
    answer += " id='" + sm_id_ + "' resume='true' max='" + std::to_string(resume_for_.count()) + "'";
  }
  return answer + "/>";
}

void Session::on_management(const xmpp::Element& element) {
  const auto name = element.name();
  if (name == "enable") {
    // It may have waited (hold()) for longer than the connection has lasted.
    return link_ != nullptr ? link_->send(enable_management(element)) : void();
  }
  if (name == "r") {
    // REQUIREMENTS 18: what may be promised now, at once; the rest when it may.
    owed_ = received_;
    ack_owed_ = !reaches(promised_, owed_);
    send_ack();
    if (ack_owed_ && reaches(durable_, owed_)) record();
    return;
  }
  if (name == "a") {
    const auto h = parse_count(element.attr("h"));
    ack_requested_ = false;
    if (!h || !is_plausible(*h)) return end(acknowledged_too_much(h.value_or(0)));
    acknowledge(*h);
    const bool was_stalled = std::exchange(stalled_, false);
    if (was_stalled && home_.push) home_.push->came_back(*this);
    // All of the last page has arrived. An edge on another node does not say when it has left.
    if (was_stalled || queue_.size() == unsent_) send_queued();
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
  storage::LogId newest = 0;
  while (acknowledged_ != count && !queue_.empty()) {
    ++acknowledged_;
    const Out out = std::move(queue_.front());
    queue_.pop_front();
    queue_bytes_ -= out.xml.size();
    if (out.id == 0) unlogged_bytes_ -= out.size;
    if (out.id == 0) continue;
    newest = std::max(newest, out.id);
    home_.acknowledged(out.id);
  }
  count_acknowledged(newest);
  if (catching_up && queue_.size() < ack_every) home_.catch_up(*this);
}

// An id is the time at which its message was stored. One clock reading for all that an <a/> acknowledges.
void Session::count_acknowledged(storage::LogId newest) {
  if (newest == 0 || catching_up) return;
  counters().acknowledged.add_time(std::chrono::system_clock::now() - storage::time_of(newest));
}

void Session::on_drained() {
  storage::LogId newest = 0;
  for (const auto id : std::exchange(undrained_, {})) {
    newest = id;
    home_.acknowledged(id);
  }
  count_acknowledged(newest);
  if (sm_enabled_) return send_queued();
  if (catching_up) home_.catch_up(*this);
}

void Session::send(const xmpp::Element& stanza) { send(stanza.to_xml(xmpp::ns::client)); }

void Session::send(std::string xml, storage::LogId id) {
  if (held_back_ != nullptr) {
    // What the log has is never held: it is told to whoever asks for it, and counted.
    if (id == 0 && held_back_->take(xml)) return;
    release_held_back();
  }
  deliver(std::move(xml), id);
}

void Session::deliver(std::string xml, storage::LogId id) {
  // What waits in the queue goes first.
  ++counters().stanzas_out[static_cast<size_t>(kind_of(xml.size() > 1 ? xml[1] : 'i'))];
  const bool leaves_now = is_reachable() && unsent_ == 0;
  if (leaves_now) link_->send(xml);
  if (!sm_enabled_) {
    if (id != 0) undrained_.push_back(id);
    return;
  }
  ++sent_;
  if (!leaves_now) ++unsent_;
  const size_t size = xml.size();
  const bool keep = (queue_bytes_ < queue_memory && !stalled_) || id == 0;
  if (!keep) std::string().swap(xml);
  queue_bytes_ += xml.size();
  queue_.push_back({std::move(xml), size, id});
  if (id == 0) {
    unlogged_bytes_ += size;
    give_up_if_overfull();
  }
  if (leaves_now) request_ack_later();
}

// REQUIREMENTS 22: what is in the log costs no memory. The rest (presence, answers, carbons) does, and is not worth
// more of it than an outbox may have: then the session ends, and what the log has waits for the next one.
void Session::give_up_if_overfull() {
  if (unlogged_bytes_ <= home_.node().config().outbox_bytes || std::exchange(overfull_, true)) return;
  home_.homes().loop().at_turn_end([this, alive = alive_] {
    if (*alive) end({.condition = xmpp::StreamCondition::resource_constraint, .text = "too much is not acknowledged"});
  });
}

void Session::request_ack_later() {
  const size_t under_way = queue_.size() - unsent_;
  if (link_ == nullptr || ack_requested_ || under_way == 0) return;
  if (under_way >= ack_every || unsent_ > 0) return request_ack();
  if (std::exchange(ack_timer_runs_, true)) return;
  timer_ = home_.homes().loop().after(ack_after, [this] {
    ack_timer_runs_ = false;
    if (link_ != nullptr && !queue_.empty() && !ack_requested_) request_ack();
  });
}

void Session::request_ack() {
  ack_requested_ = true;
  ack_requested_at_ = home_.homes().loop().now();
  link_->send("<r xmlns='urn:xmpp:sm:3'/>");
}

void Session::stop_timer() {
  home_.homes().loop().cancel(timer_);
  ack_timer_runs_ = false;
}

void Session::on_link_lost(bool clean) {
  set_link(nullptr);
  stop_timer();
  ack_requested_ = false;
  const bool was_stalled = std::exchange(stalled_, false);
  if (clean || sm_id_.empty()) {
    // What came before the end is still said.
    gives_up_then_ = held_up_;
    return gives_up_then_ ? void() : give_up();
  }
  if (!was_stalled) tell_of_unacknowledged();
  timer_ = home_.homes().loop().after(resume_for_, [this] { give_up(); });
}

void Session::give_up() {
  if (available || !directed.empty()) home_.session_unavailable(*this, nullptr);
  std::vector<storage::LogId> lost = std::move(undrained_);
  for (const Out& out : queue_) {
    if (out.id != 0) lost.push_back(out.id);
  }
  lost.insert(lost.end(), owed.begin(), owed.end());
  Home& home = home_;
  home.session_ended(*this);  // `this` is gone
  for (const auto id : lost) home.released(id);
}

void Session::abandon() {
  abandon({.condition = xmpp::StreamCondition::reset, .text = "The account has moved to another node"});
}

void Session::abandon(const xmpp::StreamError& error) {
  stop_timer();
  if (link_ != nullptr) set_link(nullptr)->close(error);
}

void Session::end(const xmpp::StreamError& error) {
  if (link_ != nullptr) set_link(nullptr)->close(error);
  stop_timer();
  give_up();
}

std::string Session::resume(ClientLink& link, uint32_t acknowledged) {
  stop_timer();
  if (link_ != nullptr)
    set_link(nullptr)->close({.condition = xmpp::StreamCondition::conflict, .text = "resumed elsewhere"});
  set_active(true);  // without a link: what was held joins the queue
  ack_requested_ = false;
  heard_at_ = home_.homes().loop().now();
  pinged_at_ = {};
  set_link(&link);
  acknowledge(acknowledged);
  stalled_ = false;
  if (home_.push) home_.push->came_back(*this);
  unsent_ = queue_.size();  // h is exact: the client has none of it
  reading_spilled_ = false;
  ++links_;
  return "<resumed xmlns='urn:xmpp:sm:3' h='" + std::to_string(promised_ - base_) + "' previd='" + sm_id_ + "'/>";
}

void Session::begin() { send_queued(); }

// REQUIREMENTS 22: in order, a page at a time, each when the one before has left; what was spilled is read from the
// log. Live messages queue up behind it meanwhile.
void Session::send_queued() {
  if (!is_reachable() || unsent_ == 0 || reading_spilled_) return;
  size_t bytes = 0;
  for (; unsent_ > 0 && bytes < page_bytes; --unsent_) {
    const Out& out = queue_[queue_.size() - unsent_];
    if (out.xml.empty()) break;
    bytes += out.size;
    link_->send(out.xml);
  }
  if (bytes > 0) return request_ack_later();

  std::vector<storage::LogId> ids;
  size_t count = 0;
  for (size_t at = queue_.size() - unsent_; at < queue_.size() && bytes < page_bytes && count < page_stanzas;
       ++at, ++count) {
    bytes += queue_[at].size;
    if (queue_[at].xml.empty()) ids.push_back(queue_[at].id);
  }
  std::ranges::sort(ids);
  reading_spilled_ = true;
  Home& home = home_;
  ++home.loads_pending_;
  home.node().read_log(
      [owner = home.jid().text(), ids = std::move(ids)](storage::MessageLog& log) { return log.find(owner, ids); },
      [&home, serial = serial_, links = links_, count](Result<std::vector<storage::LogEntry>> found) {
        --home.loads_pending_;
        Session* session = home.find_serial(serial);
        if (session == nullptr || session->links_ != links) return;
        session->reading_spilled_ = false;
        if (!session->is_reachable()) return;
        if (found) return session->send_spilled(std::move(*found), count);
        log::error("queue_not_read", {{"jid", session->jid_.text()}, {"error", found.error().message}});
        session->end({.condition = xmpp::StreamCondition::internal_server_error});
      });
}

void Session::send_spilled(std::vector<storage::LogEntry> entries, size_t count) {
  std::vector<storage::LogId> gone;
  bool any = false;
  for (; count > 0; --count) {
    const size_t at = queue_.size() - unsent_;
    const Out& out = queue_[at];
    if (!out.xml.empty()) {
      link_->send(out.xml);
    } else if (const auto entry = std::ranges::lower_bound(entries, out.id, {}, &storage::LogEntry::id);
               entry != entries.end() && entry->id == out.id) {
      link_->send(home_.late_copy(*entry));
    } else {
      // Another device has acknowledged it, and it was not to be archived. The client never had it, so it does not
      // count.
      gone.push_back(out.id);
      queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(at));
      --unsent_;
      --sent_;
      continue;
    }
    any = true;
    --unsent_;
  }
  for (const auto id : gone) home_.released(id);
  if (!any) return send_queued();
  request_ack_later();
}

}  // namespace rookery::server
