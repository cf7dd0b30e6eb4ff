#include "server/s2s/link.h"

#include <algorithm>
#include <iterator>

#include "crypto/random.h"
#include "server/log.h"
#include "server/node.h"
#include "server/s2s/peer.h"
#include "server/s2s/remote_servers.h"

namespace rookery::server::s2s {

namespace {

constexpr size_t queue_memory = 4 * 1024 * 1024;  // beyond it, what is in the log is read from there
constexpr size_t outbox_room = 256 * 1024;
constexpr size_t most_unacknowledged = 1000;  // of one stream: what has to be sent again when it breaks
constexpr size_t page_entries = 200, refill_below = 50;
constexpr auto first_rest = std::chrono::milliseconds(1000);
constexpr auto read_again_after = std::chrono::milliseconds(200);
constexpr auto idle_time = std::chrono::seconds(600);

/// So that servers which lost each other do not all come back at once.
Clock::duration with_jitter(std::chrono::milliseconds time) {
  const auto byte = static_cast<unsigned char>(crypto::random_bytes(1).front());
  return time * 3 / 4 + time * byte / 512;
}

}  // namespace

Link::Link(Peer& peer, xmpp::Jid local) : peer_(peer), local_(std::move(local)) {}

Link::~Link() {
  *alive_ = false;
  close();
}

void Link::close() {
  is_closed_ = true;
  if (timer_) peer_.servers().loop().cancel(*timer_);
  timer_.reset();
  peer_.servers().loop().counters().s2s_waiting -= static_cast<int64_t>(queue_.size());
  queue_.clear();
  if (const auto stream = std::exchange(stream_, nullptr)) stream->close();
}

void Link::add(Outgoing stanza) {
  if (is_closed_) return;
  if (stanza.id != 0 && stanza.id <= taken_to_) return;  // it was read from the log already
  const bool is_full = bytes_ >= queue_memory;
  if (stanza.id == 0 && (is_full || is_resting_)) {
    return peer_.give_back(
        stanza, {.condition = is_full ? xmpp::Condition::resource_constraint : xmpp::Condition::remote_server_timeout});
  }
  newest_ = std::max(newest_, stanza.id);
  if (stanza.id != 0 && (is_full || backlog_)) {
    backlog_ = true;  // REQUIREMENTS 22
    return;
  }
  taken_to_ = std::max(taken_to_, stanza.id);
  bytes_ += stanza.xml.size();
  queue_.push_back(std::move(stanza));
  ++peer_.servers().loop().counters().s2s_waiting;
  if (stream_ == nullptr && !is_resting_) return connect();
  pump();
}

void Link::wake() {
  if (!is_resting_) return;
  failures_ = 0;
  connect();
}

void Link::connect() {
  if (timer_) peer_.servers().loop().cancel(*timer_);
  timer_.reset();
  is_resting_ = false;
  stream_ = OutgoingStream::open(peer_.servers(), local_, peer_.domain(), {}, *this);
}

void Link::on_open() {
  failures_ = 0;
  last_failure_.clear();
  sent_ = 0;
  pump();
}

void Link::pump() {
  if (stream_ == nullptr || !stream_->is_open()) return;
  bool any = false;
  const size_t most_bytes = stream_->most_stanza_bytes();
  const size_t window = one_by_one_ ? 1 : most_unacknowledged;
  while (stream_ != nullptr && sent_ < queue_.size() && sent_ < window && stream_->outbox_bytes() < outbox_room) {
    if (most_bytes != 0 && queue_[sent_].xml.size() > most_bytes) {
      if (sent_ > 0) break;  // what is before it arrives first
      give_first_back("It is longer than the other server takes.");
      continue;
    }
    any = true;
    stream_->send(queue_[sent_++].xml);
  }
  one_by_one_ = one_by_one_ && !queue_.empty();
  if (any) {
    peer_.servers().loop().at_turn_end([this, alive = alive_] {
      if (*alive && stream_ != nullptr) stream_->request_ack();
    });
  }
  if (backlog_ && queue_.size() < refill_below) read_backlog();
  if (queue_.empty() && !backlog_) arm_idle_timer();
}

void Link::arm_idle_timer() {
  if (timer_) peer_.servers().loop().cancel(*timer_);
  timer_ = peer_.servers().loop().after(idle_time, [this] {
    timer_.reset();
    if (!queue_.empty() || backlog_) return;
    if (const auto stream = std::exchange(stream_, nullptr)) stream->close();
  });
}

void Link::remove_first() {
  bytes_ -= queue_.front().xml.size();
  queue_.pop_front();
  --peer_.servers().loop().counters().s2s_waiting;
}

void Link::give_first_back(const std::string& why) {
  const Outgoing first = queue_.front();
  remove_first();
  log::info("s2s_refused_by_peer",
            {{"from", local_.text()}, {"to", peer_.domain().text()}, {"bytes", std::to_string(first.xml.size())}});
  peer_.give_back(first, {.condition = xmpp::Condition::not_acceptable, .text = why});
}

void Link::on_acknowledged(uint32_t count) {
  for (; count > 0 && sent_ > 0; --count, --sent_) {
    if (queue_.front().id != 0) peer_.arrived(queue_.front().id);
    remove_first();
  }
  pump();
}

void Link::on_ended(const Error& reason) {
  stream_.reset();
  last_failure_ = reason.message;
  const size_t unacknowledged = std::exchange(sent_, 0);
  const bool had_worked = failures_ == 0 && unacknowledged > 0;
  ++failures_;
  is_resting_ = true;  // what is given back may bring more, which then waits
  if (reason.failure == Failure::invalid && unacknowledged > 0) {
    if (unacknowledged == 1) give_first_back("The other server does not take it.");
    one_by_one_ = true;
  }
  if (reason.failure == Failure::not_found) {
    log::info("s2s_no_such_domain", {{"from", local_.text()}, {"to", peer_.domain().text()}});
    give_back({.condition = xmpp::Condition::remote_server_not_found}, true);
  } else if (!had_worked) {
    give_back({.condition = xmpp::Condition::remote_server_timeout, .text = "The other server cannot be reached."},
              false);
  }
  rest();
}

void Link::give_back(const xmpp::StanzaError& error, bool everything) {
  const auto oldest = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()) -
                      std::chrono::duration_cast<std::chrono::microseconds>(peer_.servers().node().config().s2s_keep);
  std::deque<Outgoing> kept;
  auto all = std::exchange(queue_, {});
  for (auto& stanza : all) {
    if (!everything && stanza.id != 0 && storage::time_of(stanza.id) > oldest) {
      kept.push_back(std::move(stanza));
      continue;
    }
    bytes_ -= stanza.xml.size();
    --peer_.servers().loop().counters().s2s_waiting;
    peer_.give_back(stanza, error);
  }
  kept.insert(kept.end(), std::move_iterator(queue_.begin()), std::move_iterator(queue_.end()));
  queue_ = std::move(kept);
}

void Link::rest() {
  if (queue_.empty() && backlog_) read_backlog();
  is_resting_ = !queue_.empty() || backlog_;
  if (!is_resting_) return;
  const Config& config = peer_.servers().node().config();
  const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(config.s2s_retry_most);
  auto time = std::min(most, first_rest * (1 << std::min(failures_ - 1, 20u)));
  // What has waited long enough is given back after the next attempt.
  if (!queue_.empty() && queue_.front().id != 0) {
    const auto left = storage::time_of(queue_.front().id) + config.s2s_keep - std::chrono::system_clock::now();
    time =
        std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(left), first_rest, std::max(time, first_rest));
  }
  if (timer_) peer_.servers().loop().cancel(*timer_);
  timer_ = peer_.servers().loop().after(with_jitter(time), [this] {
    timer_.reset();
    connect();
  });
}

void Link::read_backlog() {
  if (std::exchange(reading_, true)) return;
  peer_.servers().node().read_log(
      [owner = peer_.domain().text(), after = taken_to_](storage::MessageLog& log) {
        return log.inbox(owner, after, page_entries);
      },
      [this, alive = alive_](Result<std::vector<storage::LogEntry>> page) {
        if (!*alive) return;
        reading_ = false;
        if (page) return take_page(*page, page->size() < page_entries);
        log::error("s2s_queue_not_read", {{"to", peer_.domain().text()}, {"error", page.error().message}});
        peer_.servers().loop().after(read_again_after, [this, still_alive = alive_] {
          if (*still_alive) read_backlog();
        });
      });
}

void Link::take_page(const std::vector<storage::LogEntry>& entries, bool is_last) {
  for (const auto& entry : entries) {
    taken_to_ = std::max(taken_to_, entry.id);
    const auto from = xmpp::Jid::parse(entry.peer);
    if (!from || from->domain() != local_.text()) continue;
    bytes_ += entry.xml.size();
    queue_.push_back({entry.xml, entry.id});
    ++peer_.servers().loop().counters().s2s_waiting;
  }
  if (is_last && taken_to_ >= newest_) backlog_ = false;
  if (backlog_ && queue_.size() < refill_below) read_backlog();
  if (stream_ != nullptr) return pump();
  if (!is_resting_ && !queue_.empty()) connect();
}

std::string Link::describe() const {
  std::string out = local_.text() + " -> " + peer_.domain().text() + " ";
  out += stream_ != nullptr ? stream_->describe() : is_resting_ ? "resting" : "idle";
  out += " waiting=" + std::to_string(queue_.size()) + (backlog_ ? "+log" : "");
  if (!last_failure_.empty())
    out += " failures=" + std::to_string(failures_) + " last_failure=\"" + last_failure_ + "\"";
  return out + "\n";
}

}  // namespace rookery::server::s2s
