// Who owns which shard (docs/DESIGN: "The cluster runs on existing engines"). A node's leases live and die together:
// each renewal extends all of them, by the database's clock, so a cluster costs one small write a node and interval.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"

namespace rookery::storage {

/// A node as it presents itself.
struct NodeIdentity {
  std::string id;       ///< unique in the cluster and the same over restarts
  std::string address;  ///< for people and other nodes; storage does not look at it
  std::string version;
};

struct ClusterNode {
  NodeIdentity identity;
  bool alive = false;                    ///< its leases have not expired
  bool draining = false;                 ///< takes no shards and gives away what it has
  std::chrono::milliseconds seen_ago{};  ///< since its last renewal
};

struct Lease {
  uint32_t shard = 0;
  uint64_t epoch = 0;    ///< grows by one each time the shard is taken; 0: never taken
  std::string node;      ///< empty: nobody's
  bool expired = false;  ///< has an owner of record which has not renewed in time: may be taken

  bool is_free() const { return node.empty() || expired; }
  bool operator==(const Lease&) const = default;
};

/// One moment of the cluster.
struct ClusterView {
  std::vector<ClusterNode> nodes;  ///< ordered by id, also dead ones of the last day
  std::vector<Lease> leases;       ///< one for each shard, ordered by shard
};

/// One node's hold on the leases. Calls block on the database: run them on a thread of their own, not on an event loop;
/// from one thread at a time. Failure::unavailable when the database does not answer in time: what the call asked for
/// may have happened all the same, the next view() or renew() tells.
///
/// A lease ends `lifetime` after the last renew() reached the database. The node cannot know that moment exactly, so it
/// counts from the moment before it called renew(), by its own steady clock, and stops serving when that time is over.
/// What it has still under way is refused by its epoch.
class Leases {
 public:
  virtual ~Leases() = default;

  /// Registers this process under its id. Whatever an earlier process of this id held is free afterwards.
  virtual Status join() = 0;
  /// Says that this node lives and extends its leases. Returns those that it still holds: a missing one has been taken
  /// by another node. Failure::fenced: another process has joined under this id, or the node has left or was forgotten.
  virtual Result<std::vector<Lease>> renew() = 0;
  /// Takes those of `shards` that are free or expired, raising the epoch of each by one; atomic for each shard, and at
  /// once binding for storage. Returns what was taken, with its new epoch. Failure::fenced as for renew().
  virtual Result<std::vector<Lease>> acquire(const std::vector<uint32_t>& shards) = 0;
  /// Gives shards back that this node still holds; others can take them at once. Commit what is under way before.
  virtual Status release(const std::vector<uint32_t>& shards) = 0;
  virtual Status set_draining(bool draining) = 0;
  /// Gives back everything and forgets the node.
  virtual Status leave() = 0;

  virtual Result<ClusterView> view() = 0;
};

struct LeasePlan {
  std::vector<uint32_t> acquire, release;
};

/// Fair share: what `node` should do now, so that the shards are spread evenly over the nodes that live and do not
/// drain, with as few moves as there can be. Pure; all nodes come to fitting answers from the same view. It releases
/// only what another node lacks and cannot get elsewhere; a node that drains releases everything as long as somebody
/// can take it.
LeasePlan plan_leases(const ClusterView& view, std::string_view node);

}  // namespace rookery::storage
