#include "server/cluster/channel.h"

#include <algorithm>
#include <utility>

namespace rookery::server::cluster {

namespace {
constexpr size_t window = 1024;  // packets on their way; what is beyond waits here
}

void OutChannel::transmit(size_t index) {
  Kept& kept = kept_[index];
  transmit_(encode(Packet{.kind = Packet::Kind::data,
                          .stream = stream_,
                          .seq = base_ + index,
                          .base = base_,
                          .again = kept.sent,
                          .topic = static_cast<uint32_t>(kept.topic),
                          .parts = kept.parts,
                          .body = kept.body}));
  kept.sent = true;
}

void OutChannel::fill() {
  if (blocked_) return;
  for (; in_flight_ < std::min(kept_.size(), window); ++in_flight_) transmit(in_flight_);
}

void OutChannel::send(Topic topic, std::string body, Taken taken, std::optional<storage::Fence> fence,
                      Taken withdrawn) {
  uint32_t parts = 0;
  for (; body.size() > most_bytes_; ++parts) {
    kept_.push_back({Topic::part, body.substr(0, most_bytes_), {}, fence, {}});
    body.erase(0, most_bytes_);
  }
  kept_.push_back({topic, std::move(body), std::move(taken), fence, std::move(withdrawn), parts});
  fill();
}

void OutChannel::on_ack(uint64_t seq) {
  if (seq >= base_ + kept_.size()) return;  // of nothing that was sent
  blocked_ = false;
  while (base_ <= seq) {
    Taken taken = std::move(kept_.front().taken);
    kept_.pop_front();
    ++base_;
    if (in_flight_ > 0) --in_flight_;
    if (taken) taken();
  }
  fill();
}

void OutChannel::on_gap(uint64_t next) {
  if (next < base_ || next >= base_ + kept_.size()) return;
  blocked_ = false;
  in_flight_ = static_cast<size_t>(next - base_);
  fill();
}

void OutChannel::retry() {
  blocked_ = false;
  in_flight_ = 0;
  fill();
}

void OutChannel::withdraw(const std::function<bool(const storage::Fence&)>& is_lost) {
  std::vector<Taken> withdrawn;
  for (Kept& kept : kept_) {
    if (!kept.fence || !is_lost(*kept.fence)) continue;
    if (kept.withdrawn) withdrawn.push_back(std::move(kept.withdrawn));
    kept.topic = Topic::nothing;
    kept.body.clear();
    kept.taken = {};
    kept.parts = 0;
    kept.fence.reset();
  }
  for (Taken& run : withdrawn) run();
}

std::deque<OutChannel::Kept> OutChannel::take_all() {
  base_ += kept_.size();
  in_flight_ = 0;
  blocked_ = false;
  return std::exchange(kept_, {});
}

InChannel::Verdict InChannel::on_packet(const Packet& packet) {
  if (next_ == 0 || packet.base > next_) {
    // A stream that is new to us, or whose sender knows from a former owner that everything before is taken.
    next_ = packet.base;
    acknowledged_ = packet.base - 1;
    early_.clear();
    refused_.clear();
  }
  if (packet.seq < next_) return refused_.erase(packet.seq) > 0 ? Verdict::process : Verdict::duplicate;
  if (packet.seq > next_) return std::exchange(gap_told_, next_) == next_ ? Verdict::known_gap : Verdict::gap;
  ++next_;
  return Verdict::process;
}

void InChannel::refuse(uint64_t seq) {
  if (seq > acknowledged_ && seq < next_ && !early_.contains(seq)) refused_.insert(seq);
}

bool InChannel::done(uint64_t seq) {
  if (seq <= acknowledged_) return false;
  early_.insert(seq);
  const uint64_t before = acknowledged_;
  while (!early_.empty() && *early_.begin() == acknowledged_ + 1) {
    acknowledged_ = *early_.begin();
    early_.erase(early_.begin());
  }
  return acknowledged_ != before;
}

}  // namespace rookery::server::cluster
