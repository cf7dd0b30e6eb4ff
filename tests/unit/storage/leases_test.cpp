#include "storage/leases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace rookery::storage {

namespace {

constexpr uint32_t shard_count = 64;

/// A cluster in memory: each node in turn does what its plan says, all seeing the newest state.
struct Cluster {
  ClusterView view;
  size_t moved = 0;

  Cluster() {
    for (uint32_t shard = 0; shard < shard_count; ++shard) view.leases.push_back({.shard = shard});
  }
  void add(const std::string& id) { view.nodes.push_back({.identity = {.id = id}, .alive = true}); }
  ClusterNode& node(const std::string& id) {
    return *std::ranges::find(view.nodes, id, [](const ClusterNode& node) { return node.identity.id; });
  }
  void kill(const std::string& id) {
    node(id).alive = false;
    for (Lease& lease : view.leases) lease.expired = lease.expired || lease.node == id;
  }
  void step(const std::string& id) {
    const LeasePlan plan = plan_leases(view, id);
    for (const uint32_t shard : plan.release) {
      ASSERT_EQ(view.leases[shard].node, id);
      view.leases[shard].node.clear();
      ++moved;
    }
    for (const uint32_t shard : plan.acquire) {
      ASSERT_TRUE(view.leases[shard].is_free());
      view.leases[shard] = {.shard = shard, .epoch = view.leases[shard].epoch + 1, .node = id};
    }
  }
  void settle() {
    for (size_t round = 0; round <= view.nodes.size() + 1; ++round) {
      for (const ClusterNode& node : view.nodes) {
        if (node.alive) step(node.identity.id);
      }
    }
  }
  size_t held(const std::string& id) const {
    return static_cast<size_t>(
        std::ranges::count_if(view.leases, [&](const Lease& l) { return l.node == id && !l.expired; }));
  }
};

TEST(LeasePlan, GivesASingleNodeEverything) {
  Cluster cluster;
  cluster.add("a");
  EXPECT_EQ(plan_leases(cluster.view, "a").acquire.size(), shard_count);
  cluster.settle();
  EXPECT_EQ(cluster.held("a"), shard_count);
  EXPECT_TRUE(plan_leases(cluster.view, "a").release.empty());
}

TEST(LeasePlan, SpreadsEvenlyAndMovesNoMoreThanItMustWhenANodeJoins) {
  Cluster cluster;
  for (const auto* id : {"a", "b", "c"}) cluster.add(id);
  cluster.settle();
  for (const auto* id : {"a", "b", "c"}) EXPECT_TRUE(cluster.held(id) == 21 || cluster.held(id) == 22);
  cluster.add("d");
  cluster.moved = 0;
  cluster.settle();
  for (const auto* id : {"a", "b", "c", "d"}) EXPECT_EQ(cluster.held(id), 16u);
  EXPECT_EQ(cluster.moved, 16u);
}

TEST(LeasePlan, HandsTheShardsOfADeadNodeToTheOthersAndMovesNothingElse) {
  Cluster cluster;
  for (const auto* id : {"a", "b", "c"}) cluster.add(id);
  cluster.settle();
  cluster.kill("b");
  cluster.moved = 0;
  cluster.settle();
  EXPECT_EQ(cluster.held("a"), 32u);
  EXPECT_EQ(cluster.held("c"), 32u);
  EXPECT_EQ(cluster.moved, 0u);
}

TEST(LeasePlan, EmptiesADrainingNodeButNotTheLastOne) {
  Cluster cluster;
  for (const auto* id : {"a", "b"}) cluster.add(id);
  cluster.settle();
  cluster.node("a").draining = true;
  cluster.settle();
  EXPECT_EQ(cluster.held("a"), 0u);
  EXPECT_EQ(cluster.held("b"), shard_count);
  EXPECT_TRUE(plan_leases(cluster.view, "a").acquire.empty());
  cluster.node("b").draining = true;
  EXPECT_TRUE(plan_leases(cluster.view, "b").release.empty()) << "nobody could take them";
}

TEST(LeasePlan, ReleasesNothingThatIsFreeElsewhere) {
  Cluster cluster;
  for (const auto* id : {"a", "b", "c"}) cluster.add(id);
  cluster.settle();
  cluster.kill("c");
  cluster.add("d");  // can live on what c has left
  EXPECT_TRUE(plan_leases(cluster.view, "a").release.empty());
  EXPECT_TRUE(plan_leases(cluster.view, "b").release.empty());
  cluster.settle();
  EXPECT_TRUE(cluster.held("d") == 21 || cluster.held("d") == 22);
}

TEST(LeasePlan, StaysAsItIsWhenEverythingIsFair) {
  Cluster cluster;
  for (const auto* id : {"a", "b", "c", "d", "e"}) cluster.add(id);
  cluster.settle();
  for (const auto* id : {"a", "b", "c", "d", "e"}) {
    const LeasePlan plan = plan_leases(cluster.view, id);
    EXPECT_TRUE(plan.acquire.empty() && plan.release.empty()) << id;
  }
}

TEST(LeasePlan, LetsNodesThatStartTogetherAskForDifferentShardsFirst) {
  Cluster cluster;
  for (const auto* id : {"node-1", "node-2"}) cluster.add(id);
  const LeasePlan one = plan_leases(cluster.view, "node-1"), two = plan_leases(cluster.view, "node-2");
  ASSERT_EQ(one.acquire.size(), shard_count / 2);
  ASSERT_EQ(two.acquire.size(), shard_count / 2);
  EXPECT_NE(one.acquire.front(), two.acquire.front());
}

TEST(LeasePlan, AsksNothingOfANodeThatIsNotRegistered) {
  Cluster cluster;
  cluster.add("a");
  const LeasePlan plan = plan_leases(cluster.view, "stranger");
  EXPECT_TRUE(plan.acquire.empty() && plan.release.empty());
  EXPECT_TRUE(plan_leases({}, "a").acquire.empty());
}

}  // namespace

}  // namespace rookery::storage
