// A stream of packets from one loop to one shard (or loop) of the cluster: in order, and each until it is acknowledged. The
// bus may lose, and the owner of a shard may change; what was not acknowledged is sent again to whoever owns the shard then.
// State machines without I/O: packets in, packets out.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "server/cluster/wire.h"

namespace rookery::server::cluster {

/// The sending end.
class OutChannel {
 public:
  /// Runs when the packet was acknowledged: taken, and durable where it had to be.
  using Taken = std::move_only_function<void()>;
  /// Hands one encoded packet to the bus.
  using Transmit = std::function<void(std::string packet)>;

  OutChannel(std::string stream, Transmit transmit) : stream_(std::move(stream)), transmit_(std::move(transmit)) {}

  void send(Topic topic, std::string body, Taken taken);
  void on_ack(uint64_t seq);
  void on_gap(uint64_t next);
  /// Nobody listens to the shard now: everything waits for retry().
  void on_no_owner() { blocked_ = true; }
  /// The owner may be another one: sends again, oldest first. Called by a clock while is_waiting(), and on news of an owner.
  void retry();

  bool is_waiting() const { return !kept_.empty(); }

  struct Kept {
    Topic topic;
    std::string body;
    Taken taken;
    bool sent = false;
  };
  /// Everything unacknowledged, in order; the channel is empty afterwards. For a shard that has become our own.
  std::deque<Kept> take_all();

 private:
  void transmit(size_t index);
  /// Sends what the window allows and has not been sent.
  void fill();

  const std::string stream_;
  Transmit transmit_;
  uint64_t base_ = 1;       ///< number of kept_.front()
  std::deque<Kept> kept_;
  size_t in_flight_ = 0;    ///< of kept_, how many have been handed to the bus in this round
  bool blocked_ = false;
};

/// The receiving end, of one sender's stream.
class InChannel {
 public:
  enum class Verdict {
    process,    ///< the next one: handle it, then call done(seq)
    duplicate,  ///< known already: acknowledge again with acknowledged()
    gap,        ///< something before it is missing: answer with next()
  };

  Verdict on_packet(const Packet& packet);
  /// The packet is taken and durable; true when there is something new to acknowledge.
  bool done(uint64_t seq);
  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t next() const { return next_; }

 private:
  uint64_t next_ = 0;  ///< 0: nothing came yet
  uint64_t acknowledged_ = 0;
  std::set<uint64_t> early_;
};

}  // namespace rookery::server::cluster
