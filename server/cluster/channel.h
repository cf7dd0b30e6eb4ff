// A stream of packets from one loop to one shard (or loop) of the cluster: in order, and each until it is acknowledged.
// The bus may lose, and the owner of a shard may change; what was not acknowledged is sent again to whoever owns the
// shard then. State machines without I/O: packets in, packets out.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/cluster/wire.h"
#include "storage/message_log.h"

namespace rookery::server::cluster {

/// The sending end.
class OutChannel {
 public:
  /// Runs when the packet was acknowledged: taken, and durable where it had to be.
  using Taken = std::move_only_function<void()>;
  /// Hands one encoded packet to the bus.
  using Transmit = std::function<void(std::string packet)>;

  /// A body of more than `most_bytes` goes in several packets.
  OutChannel(std::string stream, Transmit transmit, size_t most_bytes = SIZE_MAX)
      : stream_(std::move(stream)), transmit_(std::move(transmit)), most_bytes_(most_bytes) {}

  /// `sender_shard`: whose right to write the packet depends on, see withdraw().
  /// `fence`: the sender's right to have it written; where that is lost, `withdrawn` runs, see withdraw().
  void send(Topic topic, std::string body, Taken taken, std::optional<storage::Fence> fence = {}, Taken withdrawn = {});
  void on_ack(uint64_t seq);
  void on_gap(uint64_t next);
  /// Nobody listens to the shard now: everything waits for retry().
  void on_no_owner() { blocked_ = true; }
  /// The owner may be another one: sends again, oldest first. Called by a clock when is_stuck(), and on news of an
  /// owner.
  void retry();

  bool is_waiting() const { return !kept_.empty(); }
  size_t waiting() const { return kept_.size(); }
  /// Since when the oldest of what waits does so; of a channel that is_waiting().
  std::chrono::steady_clock::time_point waiting_since() const { return kept_.front().since; }
  /// Asked at each tick of a clock: whether something waits since the last tick at least, or for an owner. What was
  /// sent a moment ago is only on its way.
  bool is_stuck() { return is_waiting() && (blocked_ || std::exchange(oldest_before_, base_) == base_); }
  /// These rights are lost. What was sent by them, and nobody has acknowledged, would be refused for ever, and what
  /// comes behind would wait for it: it becomes nothing, and `withdrawn` runs instead of its `taken`.
  void withdraw(const std::function<bool(const storage::Fence&)>& is_lost);

  struct Kept {
    Topic topic;
    std::string body;
    Taken taken;
    std::optional<storage::Fence> fence;
    Taken withdrawn;
    uint32_t parts = 0;  ///< of Topic::part before it
    bool sent = false;
    std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();
  };
  /// Everything unacknowledged, in order; the channel is empty afterwards, and goes on with the next number.
  std::deque<Kept> take_all();

 private:
  void transmit(size_t index);
  /// Sends what the window allows and has not been sent.
  void fill();

  const std::string stream_;
  Transmit transmit_;
  const size_t most_bytes_;
  uint64_t base_ = 1;  ///< number of kept_.front()
  std::deque<Kept> kept_;
  size_t in_flight_ = 0;  ///< of kept_, how many have been handed to the bus in this round
  bool blocked_ = false;
  uint64_t oldest_before_ = 0;  ///< base_ when is_stuck() was asked last and something waited
};

/// The receiving end, of one sender's stream.
class InChannel {
 public:
  enum class Verdict {
    process,    ///< the next one: handle it, then call done(seq)
    duplicate,  ///< known already: acknowledge again with acknowledged()
    gap,        ///< something before it is missing: answer with next()
    known_gap,  ///< the same, and the sender has been told: more answers would only multiply what is on its way
  };

  Verdict on_packet(const Packet& packet);
  /// Storage refused the packet, because its sender's right to write was an old one: it is not acknowledged, and
  /// handled anew when it comes again, by then perhaps withdrawn.
  void refuse(uint64_t seq);
  /// The packet is taken and durable; true when there is something new to acknowledge.
  bool done(uint64_t seq);
  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t next() const { return next_; }

 private:
  uint64_t next_ = 0;  ///< 0: nothing came yet
  uint64_t acknowledged_ = 0;
  std::set<uint64_t> early_, refused_;
  uint64_t gap_told_ = 0;  ///< next_ when the sender was told of a gap
};

}  // namespace rookery::server::cluster
