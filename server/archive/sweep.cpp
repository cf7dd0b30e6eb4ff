#include "server/archive/sweep.h"

#include <algorithm>
#include <utility>

#include "crypto/random.h"
#include "server/archive/archive.h"
#include "server/cluster/cluster.h"
#include "server/log.h"
#include "server/node.h"

namespace rookery::server {

namespace {

using namespace std::chrono_literals;

constexpr size_t owners_at_once = 200;
constexpr size_t entries_at_once = 1000;  // that are read, and deleted in one commit
constexpr int pause_factor = 19;          // a pause takes so many times what the step before it took
constexpr auto first_after = 5s, interval = 3600s;
constexpr auto longest_jitter = 10s;  // nodes that are started together do not sweep together

struct Place {
  std::string domain;
  bool has_rooms = false;  ///< else accounts
  storage::LogId before = 0;
};

/// A part of the list of a place's owners.
struct Page {
  std::vector<std::string> owners;  ///< of these, whose archives hold something old and are ours
  std::string last;                 ///< of all
  bool is_last = false;
};

Result<Page> read_page(storage::Stores& stores, const storage::MessageLog& log, const cluster::Cluster* cluster,
                       const Place& place, const std::string& after) {
  const auto listed = place.has_rooms ? stores.rooms().all(place.domain, after, owners_at_once)
                                      : stores.accounts().list(place.domain, after, owners_at_once);
  if (!listed) return std::unexpected<Error>(listed.error());
  std::vector<std::string> ours;
  for (const auto& jid : *listed) {
    if (cluster == nullptr || cluster->owns(shard_of(jid.text()))) ours.push_back(jid.text());
  }
  Page page{.owners = {},
            .last = listed->empty() ? after : listed->back().text(),
            .is_last = listed->size() < owners_at_once};
  auto with_older = ours.empty() ? Result<std::vector<std::string>>() : log.with_older(ours, place.before);
  if (!with_older) return std::unexpected<Error>(with_older.error());
  page.owners = std::move(*with_older);
  return page;
}

class Sweep : public std::enable_shared_from_this<Sweep> {
 public:
  Sweep(Node& node, Loop& loop) : node_(node), loop_(loop) {}

  void begin_after(Clock::duration delay) {
    const auto jitter = longest_jitter * static_cast<unsigned char>(crypto::random_bytes(1)[0]) / 255;
    loop_.after(delay + jitter, [self = shared_from_this()] { self->begin(); });
  }

 private:
  void begin();
  void next_page();
  void take_page(Result<Page> page);
  void next_owner();
  void next_part();
  void take_part(Result<storage::OldEntries> part);
  void commit(storage::LogBatch::Expired expired);
  void committed(const Status& done);
  void part_done();
  void end();
  void failed(const Error& error);
  /// Goes on after a pause.
  void rest(void (Sweep::*next)());

  Node& node_;
  Loop& loop_;
  std::vector<Place> places_;  ///< that are still to be swept
  std::string after_;          ///< the last owner of the present place that was looked at
  std::vector<std::string> owners_;
  storage::LogId before_ = 0, from_ = 0;
  std::optional<storage::LogId> go_on_;
  size_t part_size_ = 0, owners_swept_ = 0, entries_swept_ = 0;
  bool is_counted_ = false;  ///< this owner in owners_swept_
  Clock::time_point step_began_;
};

void Sweep::begin() {
  const Config& config = node_.config();
  const auto oldest = oldest_kept(config.archive_keep), oldest_of_rooms = oldest_kept(config.archive_rooms_keep);
  places_.clear();
  for (const auto& domain : config.domains) {
    if (oldest != 0) places_.push_back({domain, false, oldest});
    if (oldest_of_rooms != 0 && !config.muc_subdomain.empty())
      places_.push_back({config.muc_subdomain + "." + domain, true, oldest_of_rooms});
  }
  after_.clear();
  owners_swept_ = entries_swept_ = 0;
  next_page();
}

void Sweep::next_page() {
  if (places_.empty()) return end();
  step_began_ = Clock::now();
  auto read = [place = places_.back(), after = after_, &log = node_.log(), cluster = node_.cluster()](
                  storage::Stores& stores) { return read_page(stores, log, cluster, place, after); };
  node_.stores().read(std::move(read),
                      [self = shared_from_this()](Result<Page> page) { self->take_page(std::move(page)); });
}

void Sweep::take_page(Result<Page> page) {
  if (!page) return failed(page.error());
  before_ = places_.back().before;
  owners_ = std::move(page->owners);
  after_ = page->is_last ? "" : page->last;
  if (page->is_last) places_.pop_back();
  rest(&Sweep::next_owner);
}

void Sweep::next_owner() {
  if (owners_.empty()) return next_page();
  from_ = 0;
  is_counted_ = false;
  next_part();
}

void Sweep::next_part() {
  step_began_ = Clock::now();
  auto read = [owner = owners_.back(), from = from_, before = before_](const storage::MessageLog& log) {
    return log.old_entries(owner, from, before, entries_at_once);
  };
  node_.read_log(std::move(read),
                 [self = shared_from_this()](Result<storage::OldEntries> part) { self->take_part(std::move(part)); });
}

void Sweep::take_part(Result<storage::OldEntries> part) {
  if (!part) return failed(part.error());
  go_on_ = part->go_on;
  part_size_ = part->ids.size();
  if (part->ids.empty()) return part_done();
  node_.router()
      .owner(owners_.back())
      .post([self = shared_from_this(), owner = owners_.back(), ids = std::move(part->ids)]() mutable {
        self->commit({std::move(owner), std::move(ids)});
      });
}

/// On the loop of the owner, which knows the epoch. Not in that loop's batch: that this is refused fells no home.
void Sweep::commit(storage::LogBatch::Expired expired) {
  storage::LogBatch batch;
  auto done = [self = shared_from_this()](const Status& status) {
    self->loop_.post([self, status] { self->committed(status); });
  };
  if (node_.cluster() != nullptr) {
    const uint32_t shard = shard_of(expired.owner);
    const uint64_t epoch = node_.homes().epoch_of(shard);
    if (epoch == 0) return done(fail(Failure::fenced, "the archive has moved"));
    batch.fences.push_back({shard, epoch});
  }
  batch.expired.push_back(std::move(expired));
  node_.log().commit(std::move(batch), std::move(done));
}

void Sweep::committed(const Status& done) {
  if (!done && done.error().failure != Failure::fenced) return failed(done.error());
  if (done) {
    owners_swept_ += std::exchange(is_counted_, true) ? 0 : 1;
    entries_swept_ += part_size_;
    loop_.counters().expired += part_size_;
  } else {
    go_on_.reset();  // it has a new owner, who sweeps it, too
  }
  part_done();
}

void Sweep::part_done() {
  if (go_on_) {
    from_ = *go_on_;
    return rest(&Sweep::next_part);
  }
  owners_.pop_back();
  rest(&Sweep::next_owner);
}

void Sweep::rest(void (Sweep::*next)()) {
  const auto pause = std::clamp<Clock::duration>(pause_factor * (Clock::now() - step_began_), 10ms, 10s);
  loop_.after(pause, [self = shared_from_this(), next] { (self.get()->*next)(); });
}

void Sweep::failed(const Error& error) {
  log::warning("archive_sweep_failed", {{"error", error.message}});
  end();
}

void Sweep::end() {
  if (entries_swept_ != 0) {
    log::info("archives_swept",
              {{"archives", std::to_string(owners_swept_)}, {"entries", std::to_string(entries_swept_)}});
  }
  begin_after(interval);
}

}  // namespace

void sweep_archives(Node& node) {
  const Config& config = node.config();
  const bool keeps_all = config.archive_keep == 0s && config.archive_rooms_keep == 0s;
  if (keeps_all || config.cluster_edge_only) return;
  std::make_shared<Sweep>(node, *Loop::current())->begin_after(first_after);
}

}  // namespace rookery::server
