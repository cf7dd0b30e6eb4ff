#include "storage/leases.h"

#include <algorithm>
#include <functional>
#include <map>

namespace rookery::storage {

namespace {

/// A node that may own shards: what it has and what it should have.
struct Share {
  std::string_view node;
  size_t held = 0, target = 0;
};

/// The nodes that live and do not drain. Who holds most gets the remainder of the division, so that fewer shards move.
std::vector<Share> shares_of(const ClusterView& view) {
  std::map<std::string_view, size_t> held;
  for (const Lease& lease : view.leases) {
    if (!lease.is_free()) ++held[lease.node];
  }
  std::vector<Share> shares;
  for (const ClusterNode& node : view.nodes) {
    if (!node.alive || node.draining) continue;
    const auto found = held.find(node.identity.id);
    shares.push_back({.node = node.identity.id, .held = found == held.end() ? 0 : found->second});
  }
  std::ranges::sort(
      shares, [](const Share& a, const Share& b) { return a.held != b.held ? a.held > b.held : a.node < b.node; });
  for (size_t i = 0; i < shares.size(); ++i) {
    shares[i].target = view.leases.size() / shares.size() + (i < view.leases.size() % shares.size() ? 1 : 0);
  }
  return shares;
}

/// From a place of the node's own on, so that nodes which start together ask for different shards first.
void rotate_for(std::string_view node, std::vector<uint32_t>& shards) {
  if (shards.empty()) return;
  const size_t start = std::hash<std::string_view>{}(node) % shards.size();
  std::ranges::rotate(shards, shards.begin() + static_cast<std::ptrdiff_t>(start));
}

}  // namespace

LeasePlan plan_leases(const ClusterView& view, std::string_view node) {
  const std::vector<Share> shares = shares_of(view);
  std::vector<uint32_t> free, mine;
  for (const Lease& lease : view.leases) {
    if (lease.is_free()) {
      free.push_back(lease.shard);
    } else if (lease.node == node) {
      mine.push_back(lease.shard);
    }
  }
  const auto me = std::ranges::find(shares, node, &Share::node);
  const size_t target = me == shares.end() ? 0 : me->target;

  LeasePlan plan;
  if (mine.size() < target) {
    rotate_for(node, free);
    free.resize(std::min(free.size(), target - mine.size()));
    plan.acquire = std::move(free);
    return plan;
  }
  size_t lacking = 0;  // what others should get beyond what is free already
  for (const Share& share : shares) lacking += share.target - std::min(share.target, share.held);
  lacking -= std::min(lacking, free.size());
  mine.resize(std::min(mine.size() - target, lacking));
  plan.release = std::move(mine);
  return plan;
}

}  // namespace rookery::storage
