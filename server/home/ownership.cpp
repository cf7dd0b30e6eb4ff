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
constexpr int most_settle_checks = 1000;  // five seconds, then the epoch decides what of the rest still counts
}  // namespace

void Homes::join_cluster() { epochs_.assign(shard_count, 0); }

void Homes::adopt(uint32_t shard, uint64_t epoch) { epochs_[shard] = epoch; }

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
}

void Homes::commit_refused(const Error& error) {
  log::error("commit_refused", {{"error", error.message}});
  crash();
  if (error.failure == Failure::fenced && node_.cluster() != nullptr) node_.cluster()->fenced();
}

void Homes::sender_fenced(const std::vector<std::string>& receivers) {
  // Its client sends again through the new owner. The homes here that had counted on it are loaded anew.
  log::warning("sender_fenced");
  drop_homes([&](std::string_view jid) { return std::ranges::find(receivers, jid) != receivers.end(); });
}

void Homes::drop_homes(const Which& which) {
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

void Homes::hand_over(std::vector<uint32_t> shards, Job done) {
  for (auto& [key, home] : homes_) {
    if (std::ranges::find(shards, shard_of(key)) == shards.end()) continue;
    for (Session* session : home->sessions()) session->abandon();
    home->flush_cursor();
  }
  finish_hand_over(std::move(shards), 0, std::move(done));
}

void Homes::finish_hand_over(std::vector<uint32_t> shards, int rounds, Job done) {
  const auto is_leaving = [&](const Home& home) { return std::ranges::find(shards, shard_of(home.jid().text())) != shards.end(); };
  const bool settled = std::ranges::all_of(homes_, [&](const auto& entry) { return !is_leaving(*entry.second) || entry.second->is_settled(); });
  if (!settled && rounds < most_settle_checks) {
    loop_.after(settle_check, [this, shards = std::move(shards), rounds, done = std::move(done)]() mutable {
      finish_hand_over(std::move(shards), rounds + 1, std::move(done));
    });
    return;
  }
  // Cursors and counters of this turn are written before the next owner reads them.
  after_commit([this, shards = std::move(shards), done = std::move(done)]() mutable {
    drop_homes([&](std::string_view jid) { return std::ranges::find(shards, shard_of(jid)) != shards.end(); });
    for (const uint32_t shard : shards) epochs_[shard] = 0;
    done();
  });
}

FromAnotherNode::FromAnotherNode(Homes& homes, const Envelope& envelope) {
  if (!envelope.sender.packet || !envelope.sender_fence) return;
  homes_ = &homes;
  if (homes.flush_scheduled_) homes.flush();
  homes.from_another_node_ = true;
}

FromAnotherNode::~FromAnotherNode() {
  if (homes_ == nullptr) return;
  if (homes_->flush_scheduled_) homes_->flush();
  homes_->from_another_node_ = false;
}

}  // namespace rookery::server
