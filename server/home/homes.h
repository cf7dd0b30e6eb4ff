// All homes of one loop, and the loop's group commit.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/home/home.h"

namespace rookery::server {

class SharedStanza;
namespace cluster {
struct Places;
}

class Homes {
 public:
  Homes(Node& node, Loop& loop);
  ~Homes();

  Node& node() { return node_; }
  Loop& loop() { return loop_; }

  /// Calls `then` with the home, loading it if need be; null when there is no such account. While the disk does not let
  /// it be read, `then` waits; it gets null only when reading fails although all is well (and the log says so).
  void with_home(const xmpp::Jid& bare, std::move_only_function<void(Home*)> then);
  Home* find_loaded(const xmpp::Jid& bare);
  void receive(Envelope envelope);  ///< to a local account of this loop
  /// What is not stored, to accounts of this loop: those that are not loaded have nobody to hear it.
  void receive_shared(const SharedStanza& stanza, const xmpp::Jid& from, const std::vector<xmpp::Jid>& targets);
  std::vector<Home*> loaded();
  void forget(const xmpp::Jid& bare);  ///< the account was deleted: sessions end, the home goes

  // Group commit: what is added during one turn is written together; the jobs run when it is durable, in order.
  storage::LogBatch& batch();
  /// Moves what the sender's home wants written into this turn's commit; false: there was nothing.
  bool write_for_sender(Envelope& envelope);
  void after_commit(Job job);
  size_t count() const { return homes_.size(); }
  size_t commits_in_flight() const { return commits_in_flight_; }
  bool accepts_input() const;  ///< REQUIREMENTS 21: false while log or stores cannot keep a promise, or are far behind

  // Ownership of shards in a cluster (ownership.cpp); a single node owns all of them, and none of this is called.
  void join_cluster();  ///< from now on a shard is ours only once it is adopted
  void adopt(uint32_t shard, uint64_t epoch);
  /// 0 when the shard is not this loop's.
  uint64_t epoch_of(uint32_t shard) const { return epochs_.empty() ? 0 : epochs_[shard]; }
  bool owns(std::string_view bare_jid) const;
  /// These shards are about to go: their sessions end, and no new ones begin; `done` runs when all that clients have
  /// sent is durable and counted. What others send to them is still taken, so that nothing waits for an owner
  /// meanwhile.
  void begin_leaving(std::vector<uint32_t> shards, Job done);
  /// False also while the shard is about to go.
  bool takes_sessions(std::string_view bare_jid) const;
  /// Ends the homes of these shards once what they have under way is durable; `done` runs then.
  void hand_over(std::vector<uint32_t> shards, Job done);
  /// Somebody else may own our shards: everything in memory is dropped as if the process had died; what was promised is
  /// in the log.
  void crash();
  /// Where shards live now: rooms that have a new owner hear which of our sessions are in them (stays.cpp).
  void on_places(const cluster::Places& places);
  /// Whose bare JIDs are meant.
  using Which = std::function<bool(std::string_view)>;
  /// False while the log may lack what those who were dropped had on their way to it: who is loaded now would not know
  /// of that.
  bool has_all_of_dropped() const { return commits_done_ >= load_after_; }
  /// What else lives on this loop by the same rules (rooms) goes when homes go: its commits may have come to nothing.
  void also_drop(std::function<void(const Which&)> drop) { also_dropped_.push_back(std::move(drop)); }

 private:
  struct Loading {
    std::vector<std::move_only_function<void(Home*)>> waiting;
    uint64_t serial = 0;
  };
  friend class FromAnotherNode;
  struct Foreign {
    std::shared_ptr<const cluster::PacketRef> packet;  ///< null: from a home of ours that has moved away since
    std::string receiver;                              ///< Router::owner_name
  };
  void deliver(Home* home, Envelope envelope);
  void load(const xmpp::Jid& bare, uint64_t serial, int attempt = 1);
  void empty_log(const xmpp::Jid& bare, uint64_t serial);
  void loaded_home(const xmpp::Jid& bare, Result<HomeData> data);
  void drop_loading();
  void commit_refused(const Error& error);
  void sender_fenced(const Foreign& from, const std::vector<std::string>& owners);
  bool are_settled(const std::vector<uint32_t>& shards);
  void settle(std::vector<uint32_t> shards, int rounds, Job done);
  void add_fences(storage::LogBatch& batch) const;
  void drop_homes(const Which& which);
  void schedule_flush();
  void flush();
  void sweep();

  Node& node_;
  Loop& loop_;
  struct TextHash {  ///< looks up views without making strings of them
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, std::unique_ptr<Home>, TextHash, std::equal_to<>> homes_;
  std::unordered_map<std::string, Loading> loading_;
  storage::LogBatch batch_;
  std::vector<Job> after_commit_;
  bool flush_scheduled_ = false;
  size_t commits_in_flight_ = 0;
  uint64_t commits_begun_ = 0, commits_done_ = 0;
  unsigned sweeps_ = 0;
  uint64_t load_after_ = 0;             ///< commits that have to be done before a home is loaded again
  std::vector<uint64_t> epochs_;        ///< by shard; empty: no cluster
  std::vector<uint32_t> leaving_;       ///< shards
  std::vector<uint64_t> known_epochs_;  ///< by shard, of anybody's
  uint64_t last_loading_ = 0;
  std::optional<Foreign> foreign_;  ///< what the present batch comes from
  uint64_t generation_ = 0;         ///< grows with each crash(): what was under way before is forgotten
  std::vector<std::function<void(const Which&)>> also_dropped_;
  std::vector<std::unique_ptr<Home>> dropped_;  ///< until nothing asynchronous points to them
};

/// While it lives, what is added goes into a batch of its own, so that a fenced sender fells nobody else. Only for what
/// depends on another node's right to write.
class FromAnotherNode {
 public:
  FromAnotherNode(Homes& homes, const Envelope& envelope);
  ~FromAnotherNode();
  FromAnotherNode(const FromAnotherNode&) = delete;

 private:
  Homes* homes_ = nullptr;
  std::optional<Homes::Foreign> former_;  ///< a room passes on what it was given
};

}  // namespace rookery::server
