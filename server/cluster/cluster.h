// This node among others: which shards are ours, and the mail to those of other nodes (docs/DESIGN §6, docs/adr/0003).
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "server/cluster/bus.h"
#include "server/cluster/links.h"
#include "server/cluster/port.h"
#include "server/cluster/surveys.h"
#include "server/routing/router.h"
#include "storage/leases.h"

namespace rookery::server::cluster {

/// Where a shard lived at the last look into the database.
struct ShardPlace {
  std::string process;  ///< the owner's process (Cluster::process), empty when nobody's
  uint64_t epoch = 0;
};

/// What every loop learns once a second.
struct Places {
  std::vector<ShardPlace> shards;   ///< by shard
  std::set<std::string> processes;  ///< that live
};

class Cluster {
 public:
  Cluster(Node& node, storage::NodeIdentity identity, std::unique_ptr<storage::Leases> leases);
  ~Cluster();

  /// Connects, joins and takes this node's share; then the loops may accept clients.
  Status start(NatsOptions nats);
  /// Gives back all shards (their homes settle first) and leaves.
  void stop();

  /// Unique for each start of a node; the middle of its loops' addresses.
  const std::string& process() const { return process_; }
  /// Any thread.
  bool owns(uint32_t shard) const { return owned_[shard].load(std::memory_order_acquire); }
  Port& port(const Loop& loop) { return *ports_[loop.index()]; }
  Port& port() { return port(*Loop::current()); }
  Links& links() { return *links_[Loop::current()->index()]; }
  Surveys& surveys() { return *surveys_[Loop::current()->index()]; }

  /// From a loop: storage has refused an epoch of ours; everything is dropped and the node joins anew.
  void fenced();
  /// Our leases are past their time by our own clock, because the database does not answer or this process stood still:
  /// nothing is read from clients or taken from other nodes until they are renewed (storage/leases.h).
  bool is_suspended() const {
    return suspended_.load(std::memory_order_relaxed) ||
           std::chrono::steady_clock::now() > lease_end_.load(std::memory_order_relaxed);
  }

  Status set_draining(bool draining);
  /// Tells every node of a component's connection; any thread.
  void announce(const ComponentHolder& holder);

  // For metrics and readiness; any thread.
  struct Counts {
    std::atomic<uint64_t> taken{0}, handed_over{0}, lost{0};  ///< shards
    std::atomic<uint64_t> fenced{0}, renewals{0}, failed_renewals{0}, reconnects{0};
  };
  const Counts& counts() const { return counts_; }
  size_t shards_owned() const;
  bool is_draining() const { return draining_.load(std::memory_order_relaxed); }
  bool is_bus_connected() const { return bus_->is_connected(); }
  /// What this node has on its way to the others (Port::backlogs); not from a loop.
  std::map<std::string, Backlog> backlogs();
  /// Lines for `rookeryctl cluster`; not from a loop.
  std::string describe();

 private:
  void main();
  void turn();
  void renew_meanwhile();
  void keep(const std::vector<storage::Lease>& held);
  void follow_plan(const storage::ClusterView& view);
  void adopt(const std::vector<storage::Lease>& taken);
  void hand_over(const std::vector<uint32_t>& shards);
  void drop_everything();
  void tell_places(const storage::ClusterView& view, bool in_grace);
  void check_links();
  Status listen_for_components();
  void tell_of_absence(const AbsentMessage& absent);
  Loop& loop_of(uint32_t shard);

  Node& node_;
  const storage::NodeIdentity identity_;
  const std::string process_;
  std::unique_ptr<storage::Leases> leases_;  ///< used under leases_mutex_
  std::mutex leases_mutex_;
  std::unique_ptr<Bus> bus_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::vector<std::unique_ptr<Links>> links_;
  std::vector<std::unique_ptr<Surveys>> surveys_;
  std::array<std::atomic<bool>, shard_count> owned_{};
  std::unordered_map<uint32_t, std::unique_ptr<Bus::Subscription>> subscriptions_;  ///< of the membership thread
  std::unique_ptr<Bus::Subscription> component_news_;
  std::atomic<bool> suspended_ = false, fenced_ = false, draining_ = false;
  Counts counts_;
  std::atomic<std::chrono::steady_clock::time_point> lease_end_{std::chrono::steady_clock::time_point{}};
  std::chrono::steady_clock::time_point grace_end_{};
  bool renewal_failed_ = false;  ///< the last one

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false, woken_ = false;
  std::thread thread_;
};

}  // namespace rookery::server::cluster
