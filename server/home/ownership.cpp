// Which shards are this loop's, and how homes come and go with them (docs/DESIGN: "Shards", "The cluster").
#include <algorithm>
#include <memory>

#include "server/cluster/cluster.h"
#include "server/home/homes.h"
#include "server/log.h"
#include "server/node.h"

namespace rookery::server {

namespace {
constexpr auto settle_check = std::chrono::milliseconds(5);
constexpr int most_settle_checks = 800;  // four seconds, then the epoch decides what of the rest still counts
}  // namespace

void Homes::join_cluster() { epochs_.assign(shard_count, 0); }

void Homes::adopt(uint32_t shard, uint64_t epoch) {
  epochs_[shard] = epoch;
  std::erase(leaving_, shard);
  if (epoch == 0) drop_loading();
}

bool Homes::owns(std::string_view bare_jid) const { return epochs_.empty() || epochs_[shard_of(bare_jid)] != 0; }

void Homes::add_fences(storage::LogBatch& batch) const {
  const auto add = [&](std::string_view owner) {
    const uint32_t shard = shard_of(owner);
    const auto known = std::ranges::find(batch.fences, shard, &storage::LogBatch::Fence::shard);
    // What is not ours and whose owner gave no epoch is refused: epoch 0 is older than any.
    if (known == batch.fences.end()) batch.fences.push_back({shard, epochs_[shard]});
  };
  for (const auto& row : batch.entries) add(row.owner);
  for (const auto& row : batch.replaced) add(row.owner);
  for (const auto& row : batch.seen) add(row.owner);
  for (const auto& row : batch.cursors) add(row.owner);
  for (const auto& row : batch.counters) add(row.owner);
  for (const auto& row : batch.delivered) add(row.owner);
  for (const auto& row : batch.ended) add(row.owner);
  for (const auto& owner : batch.purged) add(owner);
  for (const auto& row : batch.expired) add(row.owner);
}

void Homes::commit_refused(const Error& error) {
  log::error("commit_refused", {{"error", error.message}});
  crash();
  // Also where storage had another reason: what came from other nodes is unacknowledged now, and comes again to a new
  // owner only.
  if (node_.cluster() != nullptr) node_.cluster()->fenced();
}

void Homes::sender_fenced(const Foreign& from, const std::vector<std::string>& owners) {
  // Its client sends again through the new owner. The homes here that had counted on it are loaded anew.
  log::warning("sender_fenced");
  if (from.packet && node_.cluster() != nullptr) node_.cluster()->port().refused(*from.packet);
  drop_homes(
      [&](std::string_view jid) { return jid == from.receiver || std::ranges::find(owners, jid) != owners.end(); });
}

void Homes::drop_homes(const Which& which) {
  load_after_ = commits_begun_ + (flush_scheduled_ ? 1 : 0);
  for (const auto& drop : also_dropped_) drop(which);
  for (auto it = homes_.begin(); it != homes_.end();) {
    if (!which(it->first)) {
      ++it;
      continue;
    }
    it->second->abandon();
    dropped_.push_back(std::move(it->second));
    it = homes_.erase(it);
  }
}

void Homes::crash() {
  ++generation_;
  batch_ = {};
  after_commit_.clear();
  drop_homes([](std::string_view) { return true; });
  batch_ = {};
}

void Homes::drop_loading() {
  std::vector<std::string> moved;
  for (const auto& [key, loading] : loading_) {
    if (!owns(key)) moved.push_back(key);
  }
  // At once and not when something has been read: what comes after them is routed to the new owner already.
  for (const auto& key : moved) {
    auto loading = loading_.extract(key);
    for (auto& then : loading.mapped().waiting) {
      Job tell = [&] { then(nullptr); };
      run_guarded(tell);
    }
  }
}

bool Homes::takes_sessions(std::string_view bare_jid) const {
  return owns(bare_jid) && std::ranges::find(leaving_, shard_of(bare_jid)) == leaving_.end();
}

void Homes::begin_leaving(std::vector<uint32_t> shards, Job done) {
  leaving_.insert(leaving_.end(), shards.begin(), shards.end());
  for (auto& [key, home] : homes_) {
    if (std::ranges::find(shards, shard_of(key)) == shards.end()) continue;
    for (Session* session : home->sessions()) session->abandon();
  }
  settle(std::move(shards), 0, std::move(done));
}

void Homes::hand_over(std::vector<uint32_t> shards, Job done) {
  for (auto& [key, home] : homes_) {
    if (std::ranges::find(shards, shard_of(key)) == shards.end()) continue;
    for (Session* session : home->sessions()) session->abandon();
    home->flush_cursor();
  }
  settle(shards, 0, [this, shards, done = std::move(done)]() mutable {
    drop_homes([&](std::string_view jid) { return std::ranges::find(shards, shard_of(jid)) != shards.end(); });
    // What this turn has already added for them is written while the epoch is theirs, and before the next owner reads.
    if (flush_scheduled_) flush();
    for (const uint32_t shard : shards) epochs_[shard] = 0;
    std::erase_if(leaving_, [&](uint32_t shard) { return std::ranges::find(shards, shard) != shards.end(); });
    drop_loading();
    after_commit(std::move(done));
  });
}

/// All that clients have sent is durable, and so is how many stanzas that were: `<failed h='…'/>` will be exact.
bool Homes::are_settled(const std::vector<uint32_t>& shards) {
  bool settled = true;
  for (auto& [key, home] : homes_) {
    if (std::ranges::find(shards, shard_of(key)) == shards.end()) continue;
    settled = settled && home->is_settled();
    for (Session* session : home->sessions()) {
      if (session->resumption_id().empty() || session->is_settled()) continue;
      session->settle();
      settled = false;
    }
  }
  return settled;
}

void Homes::settle(std::vector<uint32_t> shards, int rounds, Job done) {
  if (!are_settled(shards) && rounds < most_settle_checks) {
    loop_.after(settle_check, [this, shards = std::move(shards), rounds, done = std::move(done)]() mutable {
      settle(std::move(shards), rounds + 1, std::move(done));
    });
    return;
  }
  // Cursors and counters of this turn are written before the next owner reads them.
  after_commit(std::move(done));
}

FromAnotherNode::FromAnotherNode(Homes& homes, const Envelope& envelope) {
  if (!envelope.sender_fence) return;
  if (!envelope.sender.packet && homes.node().cluster()->owns(envelope.sender_fence->shard)) return;
  homes_ = &homes;
  if (homes.flush_scheduled_) homes.flush();
  const std::string_view receiver = homes.node().router().owner_name(envelope.to);
  former_ = std::exchange(homes.foreign_, Homes::Foreign{envelope.sender.packet, std::string(receiver)});
}

FromAnotherNode::~FromAnotherNode() {
  if (homes_ == nullptr) return;
  if (homes_->flush_scheduled_) homes_->flush();
  homes_->foreign_ = std::move(former_);
}

}  // namespace rookery::server
