#include "server/cluster/cluster.h"

#include <algorithm>
#include <future>
#include <utility>

#include "crypto/random.h"
#include "server/components/component.h"
#include "server/components/rights.h"
#include "server/log.h"
#include "server/node.h"

namespace rookery::server::cluster {

namespace {

constexpr auto interval = std::chrono::milliseconds(1000);
constexpr auto handover_time = std::chrono::seconds(10);
constexpr auto look_time = std::chrono::seconds(2);

/// Runs `job(done)` on each of the loops and returns when all have called done(), or after `limit`; each `interval`
/// until then it calls `meanwhile`.
template <typename Start>
void on_loops(
    const std::vector<Loop*>& loops, std::chrono::seconds limit, Start start,
    const std::function<void()>& meanwhile = [] {}) {
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    size_t open;
  };
  auto state = std::make_shared<State>();
  state->open = loops.size();
  for (Loop* loop : loops) {
    loop->post([loop, start, state] {
      start(*loop, [state] {
        const std::lock_guard lock(state->mutex);
        --state->open;
        state->changed.notify_all();
      });
    });
  }
  const auto end = std::chrono::steady_clock::now() + limit;
  std::unique_lock lock(state->mutex);
  while (!state->changed.wait_for(lock, interval, [&] { return state->open == 0; }) &&
         std::chrono::steady_clock::now() < end) {
    lock.unlock();
    meanwhile();
    lock.lock();
  }
}

}  // namespace

Cluster::Cluster(Node& node, storage::NodeIdentity identity, std::unique_ptr<storage::Leases> leases)
    : node_(node), identity_(std::move(identity)), process_(identity_.address), leases_(std::move(leases)) {}

Cluster::~Cluster() = default;

Loop& Cluster::loop_of(uint32_t shard) { return *node_.loops()[shard % node_.loops().size()]; }

Status Cluster::start(NatsOptions nats) {
  nats.name = identity_.id;
  nats.on_reconnected = [this] {
    ++counts_.reconnects;
    for (auto& loop : node_.loops()) loop->post([this, &loop = *loop] { port(loop).shards_moved(); });
  };
  auto bus = connect_nats(std::move(nats));
  if (!bus) return std::unexpected<Error>(bus.error());
  bus_ = std::move(*bus);
  for (auto& loop : node_.loops()) {
    node_.homes(*loop).join_cluster();
    ports_.push_back(std::make_unique<Port>(node_, *loop, *bus_, node_.config().cluster_name + ".", process_));
    links_.push_back(std::make_unique<Links>(node_, *loop, *ports_.back(), process_));
    surveys_.push_back(std::make_unique<Surveys>(node_, *loop, *ports_.back(), process_));
    ports_.back()->on(Topic::absent, [this, &port = *ports_.back()](const Incoming& incoming) {
      if (const auto absent = parse_absent_message(incoming.body)) tell_of_absence(*absent);
      port.taken(incoming.ref);
    });
    if (const Status subscribed = ports_.back()->subscribe(); !subscribed) return subscribed;
  }
  if (const Status subscribed = listen_for_components(); !subscribed) return subscribed;
  if (const Status known = bus_->flush(); !known) return known;
  const auto before = std::chrono::steady_clock::now();
  if (const Status joined = leases_->join(); !joined) return joined;
  if (node_.config().cluster_edge_only) {
    // The others leave no share for a node that takes nothing.
    if (const Status told = leases_->set_draining(true); !told) return told;
  }
  lease_end_ = before + node_.config().cluster_lease;
  thread_ = std::thread([this] { main(); });
  return {};
}

void Cluster::tell_of_absence(const AbsentMessage& absent) {
  const auto from = xmpp::Jid::parse(absent.message->attr("from"));
  if (!from) return;
  const xmpp::Jid room = from->bare();
  const std::string nick(from->resource());
  for (const auto& hook : node_.features().room_message_for_absent) {
    hook({.member = absent.member,
          .room = room,
          .nick = nick,
          .message = *absent.message,
          .id = absent.id,
          .is_public = absent.is_public});
  }
}

Status Cluster::listen_for_components() {
  if (node_.components().all().empty()) return {};
  for (auto& port : ports_) {
    port->on(Topic::component, [this, &port = *port](const Incoming& incoming) {
      auto envelope = parse_envelope(incoming.body);
      Component* component = envelope ? node_.components().find(envelope->to.domain()) : nullptr;
      if (component != nullptr)
        component->receive_from_node(std::move(*envelope), std::string(process_of_stream(incoming.ref.stream)));
      port.taken(incoming.ref);
    });
    port->on(Topic::component_answer, [this, &port = *port](const Incoming& incoming) {
      if (const auto envelope = parse_envelope(incoming.body)) {
        for (const auto& component : node_.components().all()) component->rights().on_answer_from_node(*envelope);
      }
      port.taken(incoming.ref);
    });
  }
  for (auto& loop : node_.loops()) {
    port(*loop).on(Topic::on_behalf, [this, &loop = *loop](const Incoming& incoming) {
      const auto envelope = std::make_shared<std::optional<Envelope>>(parse_envelope(incoming.body));
      if (!*envelope) return port(loop).taken(incoming.ref);
      node_.homes(loop).with_home((*envelope)->from, [this, &loop, envelope, ref = incoming.ref](Home* home) {
        if (home == nullptr && !node_.homes(loop).owns((*envelope)->from.bare_text()))
          return;  // its next owner gets it
        if (home != nullptr) home->message_on_behalf(std::move((*envelope)->stanza), (*envelope)->to);
        port(loop).taken(ref);
      });
    });
  }
  auto subscription = bus_->subscribe(node_.config().cluster_name + ".components", [this](const BusMessage& message) {
    const auto holder = parse_component_holder(message.data);
    Component* component = holder && holder->process != process_ ? node_.components().find(holder->domain) : nullptr;
    if (component != nullptr) component->loop().post([component, holder = *holder] { component->on_holder(holder); });
  });
  if (!subscription) return std::unexpected<Error>(subscription.error());
  component_news_ = std::move(*subscription);
  return {};
}

void Cluster::announce(const ComponentHolder& holder) {
  bus_->publish(node_.config().cluster_name + ".components", {}, encode(holder));
}

void Cluster::main() {
  for (;;) {
    turn();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, interval, [&] { return stopping_ || woken_; });
    woken_ = false;
    if (stopping_) return;
  }
}

void Cluster::turn() {
  const std::lock_guard lock(leases_mutex_);
  const auto before = std::chrono::steady_clock::now();
  const bool lapsed = before > lease_end_.load();  // others may have seen us dead
  if (fenced_.exchange(false)) {
    drop_everything();
    if (const Status joined = leases_->join(); !joined)
      return log::error("cluster_join_failed", {{"error", joined.error().message}});
  }
  const auto held = leases_->renew();
  ++(held ? counts_.renewals : counts_.failed_renewals);
  if (!held && held.error().failure == Failure::fenced) {
    ++counts_.fenced;
    log::error("fenced", {{"error", held.error().message}});
    drop_everything();
    if (const Status joined = leases_->join(); !joined)
      log::error("cluster_join_failed", {{"error", joined.error().message}});
    return;
  }
  if (!held) {
    renewal_failed_ = true;
    log::warning("leases_not_renewed", {{"error", held.error().message}});
    // Nothing can be committed meanwhile, so nothing is acknowledged; who owns our shards then, the database will say.
    if (before > lease_end_.load() && !suspended_.exchange(true)) log::error("suspended");
    return;
  }
  lease_end_ = before + node_.config().cluster_lease;
  // Where the database was away for everybody, the others' leases look expired too until they have renewed them.
  // One that failed is enough, or one that took long and then found another server: whoever is the first to reach the
  // database again has not always waited the longest.
  const auto after = std::chrono::steady_clock::now();
  const bool was_slow = after - before > node_.config().cluster_lease / 4.0;
  if (std::exchange(renewal_failed_, false) || lapsed || was_slow) grace_end_ = after + node_.config().cluster_lease;
  keep(*held);
  if (lapsed) check_links();
  if (suspended_.exchange(false)) log::info("no_longer_suspended");
  const auto view = leases_->view();
  if (!view) return log::warning("cluster_not_seen", {{"error", view.error().message}});
  const bool in_grace = before < grace_end_;
  tell_places(*view, in_grace);
  if (!in_grace) follow_plan(*view);
}

void Cluster::renew_meanwhile() {
  const auto before = std::chrono::steady_clock::now();
  const auto held = leases_->renew();  // what may be missing, the next turn sees
  ++(held ? counts_.renewals : counts_.failed_renewals);
  if (held) lease_end_ = before + node_.config().cluster_lease;
}

void Cluster::keep(const std::vector<storage::Lease>& held) {
  std::vector<bool> still(shard_count, false);
  for (const auto& lease : held) still[lease.shard] = true;
  for (uint32_t shard = 0; shard < shard_count; ++shard) {
    if (!owned_[shard] || still[shard]) continue;
    // We were away for longer than our leases last. What else we hold is as old, so all of it goes.
    log::error("lease_lost", {{"shard", std::to_string(shard)}});
    // Somebody has taken it, so the database was not away for everybody.
    grace_end_ = {};
    return drop_everything();
  }
  // The answer of the database was lost when we took or gave them, or NATS refused the subscription: ours by the
  // leases, and nobody serves them. Whoever takes them next does so with a new epoch.
  std::vector<uint32_t> unserved;
  for (const auto& lease : held) {
    if (!owned_[lease.shard]) unserved.push_back(lease.shard);
  }
  if (unserved.empty()) return;
  log::warning("leases_not_served", {{"count", std::to_string(unserved.size())}});
  if (const Status released = leases_->release(unserved); !released)
    log::warning("leases_not_released", {{"error", released.error().message}});
}

void Cluster::check_links() {
  for (auto& loop : node_.loops()) loop->post([this, &loop = *loop] { links_[loop.index()]->check_all(); });
}

void Cluster::drop_everything() {
  std::vector<uint32_t> shards;
  for (uint32_t shard = 0; shard < shard_count; ++shard) {
    if (owned_[shard].exchange(false)) shards.push_back(shard);
  }
  counts_.lost += shards.size();
  subscriptions_.clear();
  std::vector<Loop*> loops;
  for (auto& loop : node_.loops()) loops.push_back(loop.get());
  on_loops(loops, handover_time, [this](Loop& loop, const auto& done) {
    node_.homes(loop).crash();
    for (uint32_t shard = 0; shard < shard_count; ++shard) {
      node_.homes(loop).adopt(shard, 0);
      port(loop).drop_shard(shard);
    }
    links_[loop.index()]->check_all();
    done();
  });
  // A turn later: what waited for a home that was being read has been routed meanwhile.
  on_loops(loops, handover_time, [this](Loop& loop, const auto& done) {
    port(loop).withdraw([](const storage::Fence&) { return true; });
    done();
  });
  // Others may take them at once. Those that are still ours by the database are taken anew, with a new epoch.
  if (!shards.empty()) (void)leases_->release(shards);
}

void Cluster::follow_plan(const storage::ClusterView& view) {
  const auto plan = storage::plan_leases(view, identity_.id);
  if (!plan.release.empty()) hand_over(plan.release);
  if (plan.acquire.empty() || node_.config().cluster_edge_only) return;
  const auto taken = leases_->acquire(plan.acquire);
  if (!taken) return log::warning("leases_not_acquired", {{"error", taken.error().message}});
  if (!taken->empty()) adopt(*taken);
}

void Cluster::adopt(const std::vector<storage::Lease>& taken) {
  for (const auto& lease : taken) {
    Loop& loop = loop_of(lease.shard);
    const std::string destination = shard_destination(lease.shard);
    // Before the first packet can come.
    loop.post([this, &loop, lease] { node_.homes(loop).adopt(lease.shard, lease.epoch); });
    auto subscription = bus_->subscribe(
        node_.config().cluster_name + "." + destination, [this, &loop, destination](BusMessage message) {
          loop.post(
              [this, &loop, destination, message = std::move(message)] { port(loop).on_packet(destination, message); });
        });
    if (!subscription) {
      log::error("shard_not_subscribed",
                 {{"shard", std::to_string(lease.shard)}, {"error", subscription.error().message}});
      loop.post([this, &loop, lease] { node_.homes(loop).adopt(lease.shard, 0); });
      continue;
    }
    subscriptions_[lease.shard] = std::move(*subscription);
    owned_[lease.shard].store(true, std::memory_order_release);
  }
  // Only when the server knows of us may a sender hear that nobody is there (DESIGN §9).
  if (const Status known = bus_->flush(); !known) log::warning("bus_flush_failed", {{"error", known.error().message}});
  counts_.taken += taken.size();
  log::info("shards_taken", {{"count", std::to_string(taken.size())}});
  for (auto& loop : node_.loops()) loop->post([this, &loop = *loop] { port(loop).shards_moved(); });
}

void Cluster::hand_over(const std::vector<uint32_t>& shards) {
  std::map<Loop*, std::vector<uint32_t>> by_loop;
  for (const uint32_t shard : shards) {
    if (owned_[shard]) by_loop[&loop_of(shard)].push_back(shard);
  }
  std::vector<Loop*> loops;
  for (const auto& [loop, unused] : by_loop) loops.push_back(loop);
  // Clients may be slow, and the database: it may take longer than a lease.
  const auto renew = [this] { renew_meanwhile(); };
  // First the clients go, and what they have sent arrives: those who leave together still write to one another.
  on_loops(
      loops, handover_time,
      [this, by_loop](Loop& loop, std::function<void()> done) {
        node_.homes(loop).begin_leaving(by_loop.at(&loop), std::move(done));
      },
      renew);
  for (const uint32_t shard : shards) {
    if (owned_[shard].exchange(false))
      subscriptions_.erase(shard);  // from now on senders hear that nobody is there, and wait
  }
  on_loops(
      loops, handover_time,
      [this, by_loop](Loop& loop, std::function<void()> done) {
        node_.homes(loop).hand_over(
            by_loop.at(&loop), [this, &loop, shards = by_loop.at(&loop), done = std::move(done)] {
              for (const uint32_t shard : shards) port(loop).drop_shard(shard);
              port(loop).withdraw(
                  [&](const storage::Fence& fence) { return std::ranges::find(shards, fence.shard) != shards.end(); });
              done();
            });
      },
      renew);
  const Status released = leases_->release(shards);
  if (!released) return log::warning("leases_not_released", {{"error", released.error().message}});
  counts_.handed_over += shards.size();
  log::info("shards_handed_over", {{"count", std::to_string(shards.size())}});
}

void Cluster::tell_places(const storage::ClusterView& view, bool in_grace) {
  auto places = std::make_shared<Places>();
  std::map<std::string, std::string> process_of;
  for (const auto& node : view.nodes) {
    process_of[node.identity.id] = node.identity.address;
    if (node.alive || in_grace) places->processes.insert(node.identity.address);
  }
  for (const auto& lease : view.leases) {
    // An owner that has not renewed keeps its shard until another one takes it.
    places->shards.push_back({lease.node.empty() ? std::string() : process_of[lease.node], lease.epoch});
  }
  for (auto& loop : node_.loops()) {
    loop->post([this, &loop = *loop, places] {
      port(loop).on_places(places);
      links_[loop.index()]->on_places(*places);
      node_.homes(loop).on_places(*places);
    });
  }
  for (const auto& component : node_.components().all()) {
    component->loop().post([&component = *component, places] { component.on_places(*places); });
  }
}

size_t Cluster::shards_owned() const {
  return static_cast<size_t>(
      std::ranges::count_if(owned_, [](const auto& owned) { return owned.load(std::memory_order_relaxed); }));
}

void Cluster::fenced() {
  fenced_ = true;
  const std::lock_guard lock(mutex_);
  woken_ = true;
  wake_.notify_all();
}

Status Cluster::set_draining(bool draining) {
  {
    const std::lock_guard lock(leases_mutex_);
    if (const Status told = leases_->set_draining(draining); !told) return told;
    draining_ = draining;
  }
  const std::lock_guard lock(mutex_);
  woken_ = true;
  wake_.notify_all();
  return {};
}

std::map<std::string, Backlog> Cluster::backlogs() {
  struct Sum {
    std::mutex mutex;
    std::map<std::string, Backlog> of;
  };
  auto sum = std::make_shared<Sum>();
  std::vector<Loop*> loops;
  for (auto& loop : node_.loops()) loops.push_back(loop.get());
  on_loops(loops, look_time, [this, sum](Loop& loop, const auto& done) {
    const std::lock_guard lock(sum->mutex);
    for (const auto& [process, backlog] : port(loop).backlogs()) sum->of[process] += backlog;
    done();
  });
  const std::lock_guard lock(sum->mutex);
  return sum->of;
}

std::string Cluster::describe() {
  Result<storage::ClusterView> view = [this] {
    const std::lock_guard lock(leases_mutex_);
    return leases_->view();
  }();
  if (!view) return "error: " + view.error().message + "\n";
  std::map<std::string, size_t> shards;
  size_t free = 0;
  for (const auto& lease : view->leases) ++(lease.is_free() ? free : shards[lease.node]);
  auto backlogs = this->backlogs();
  const auto waiting = [&](const std::string& process) {
    return " waiting=" + std::to_string(backlogs[process].packets) +
           " lag_ms=" + std::to_string(backlogs[process].lag.count());
  };
  std::string out;
  for (const auto& node : view->nodes) {
    const char* state = !node.alive ? "dead" : node.draining ? "draining" : "alive";
    out += node.identity.id + " " + state + " version=" + node.identity.version +
           " shards=" + std::to_string(shards[node.identity.id]) +
           " seen_ms_ago=" + std::to_string(node.seen_ago.count()) + waiting(node.identity.address) +
           (node.identity.id == identity_.id ? " (this node)" : "") + "\n";
  }
  out += "shards_without_owner " + std::to_string(free) + waiting({}) + "\nbus " +
         (bus_->is_connected() ? "connected" : "away") + "\nleases " + (is_suspended() ? "suspended" : "held") + "\n";
  return out + "ok\n";
}

void Cluster::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  std::vector<uint32_t> shards;
  for (uint32_t shard = 0; shard < shard_count; ++shard) {
    if (owned_[shard]) shards.push_back(shard);
  }
  const std::lock_guard lock(leases_mutex_);
  if (!shards.empty()) hand_over(shards);
  (void)leases_->leave();
}

}  // namespace rookery::server::cluster
