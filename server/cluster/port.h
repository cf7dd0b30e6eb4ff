// One loop's door to the other nodes: a channel to every shard that it has written to, and the streams that it
// receives.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/cluster/bus.h"
#include "server/cluster/channel.h"
#include "server/loop.h"
#include "server/routing/envelope.h"

namespace rookery::server {
class Node;
}

namespace rookery::server::cluster {

struct Places;

/// What one process has not acknowledged yet.
struct Backlog {
  size_t packets = 0;
  std::chrono::milliseconds lag{};  ///< how long the oldest of them has been waiting
  Backlog& operator+=(const OutChannel& channel);
  Backlog& operator+=(const Backlog& other);
};

/// A packet from another node; whoever handles it calls Port::taken(ref) once, when it is durable where it has to be.
struct Incoming {
  PacketRef ref;
  std::string body;
  bool again = false;  ///< a former owner of the shard may have taken it
};

class Port {
 public:
  /// `process` is unique for each start of a node; `prefix` separates clusters on one bus.
  Port(Node& node, Loop& loop, Bus& bus, std::string prefix, std::string process);
  ~Port();

  /// The address of this loop, for what comes back to it.
  const std::string& address() const { return address_; }
  Status subscribe();

  // Sending. `taken` runs when it has arrived and what had to be is durable; never when this node ends before.
  void send_to_shard(uint32_t shard, Topic topic, std::string body, OutChannel::Taken taken = {});
  void send_to_loop(const std::string& address, Topic topic, std::string body, OutChannel::Taken taken = {});
  /// Takes an envelope for an account or room of another node.
  void send(uint32_t shard, Envelope envelope);
  /// Nothing answers there: what waits for that loop is dropped. Should it come back, numbers go on where they were.
  void forget(const std::string& address);
  /// Has sent something here: so it is there, whoever gave us the address.
  bool has_heard_from(std::string_view address) const {
    return address.starts_with("l.") && senders_.contains(address.substr(2));
  }
  /// Something for this shard is on its way: what follows must not overtake it, even when the shard is our own by now.
  bool is_waiting(uint32_t shard) const { return to_shard_[shard] && to_shard_[shard]->is_waiting(); }
  /// By process; what is for shards without an owner stands under an empty name.
  std::map<std::string, Backlog> backlogs() const;
  Backlog backlog() const;  ///< all of them together
  void shards_moved();      ///< news of owners: what waits is sent again
  void on_places(const std::shared_ptr<const Places>& places);
  const Places* places() const { return places_.get(); }  ///< the newest; null before the first
  /// What was sent by these rights, which are lost, is withdrawn (OutChannel::withdraw).
  void withdraw(const std::function<bool(const storage::Fence&)>& is_lost);

  // Receiving
  using Handler = std::function<void(Incoming)>;
  void on(Topic topic, Handler handler) { handlers_[topic] = std::move(handler); }
  void on_packet(std::string_view destination, const BusMessage& message);
  // Of any loop's packet.
  void taken(const PacketRef& ref);
  /// Nobody has taken it here: storage has refused what its sender wanted written, or it was for a home that has moved.
  void refused(const PacketRef& ref);
  void drop_shard(uint32_t shard);  ///< no longer ours: its streams are forgotten

 private:
  using StreamKey = std::pair<std::string, std::string>;  ///< destination, sender's stream
  struct Stream {
    InChannel channel;
    uint64_t serial = 0;    ///< another one when the stream was dropped and has begun anew
    std::string reply;      ///< where acknowledgements go
    bool checking = false;  ///< the log is asked whether an earlier packet is known; what follows waits
    std::vector<std::pair<Topic, Incoming>> behind;
    std::string begun;       ///< the body so far of what comes in parts
    uint32_t parts = 0;      ///< how many of them
    uint64_t last_part = 0;  ///< number of the newest
    bool ack_due = false;
    uint64_t answered = 0;  ///< acknowledged so far
  };
  std::unique_ptr<OutChannel> make_channel(const std::string& destination, const std::string& subject);
  OutChannel& to_shard(uint32_t shard);
  OutChannel* find_channel(std::string_view destination);
  bool receives(std::string_view destination) const;
  static bool take_part(Stream& stream, const Packet& packet);
  bool is_outdated(const storage::Fence& fence) const;
  bool is_shown(const Envelope& envelope, std::string_view owner) const;
  bool passed_on(const PacketRef& ref, void (Port::*what)(const PacketRef&));
  void on_answer(const BusMessage& message);
  void handle(Topic topic, Incoming incoming);
  void handle_envelope(Incoming incoming);
  void receive_unless_known(const PacketRef& ref, std::shared_ptr<Envelope> envelope);
  void go_on(const StreamKey& key);
  void not_delivered(const OutChannel::Kept& kept);
  void acknowledge_later(const StreamKey& key, Stream& stream);
  void acknowledge(const std::vector<StreamKey>& streams);
  void tick();

  Node& node_;
  Loop& loop_;
  Bus& bus_;
  const std::string prefix_;
  const std::string stream_;
  const std::string address_;
  std::unique_ptr<Bus::Subscription> subscription_;
  std::vector<std::unique_ptr<OutChannel>> to_shard_;
  std::unordered_map<std::string, std::unique_ptr<OutChannel>> to_loop_;  ///< by address
  std::map<StreamKey, Stream> in_;
  std::set<std::string, std::less<>> senders_;  ///< streams, of all that was ever in in_ and lives
  std::map<Topic, Handler> handlers_;
  std::vector<StreamKey> due_, due_soon_;  ///< whose ack_due is set
  uint64_t last_serial_ = 0;
  std::shared_ptr<const Places> places_;
  Loop::TimerId timer_{}, due_soon_timer_{};
};

std::string shard_destination(uint32_t shard);
/// Of a loop's address, l.PROCESS.LOOP.
std::string process_of_loop(std::string_view address);
/// Of a sender's stream, PROCESS.LOOP.
std::string_view process_of_stream(std::string_view stream);

}  // namespace rookery::server::cluster
