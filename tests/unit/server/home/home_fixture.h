// A node of two loops with real homes and sessions, without sockets, over a message log that commits on command.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <set>

#include "server/home/homes.h"
#include "server/node.h"
#include "tests/unit/storage/temporary_folder.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

/// Keeps its promises in memory; the real one is tested elsewhere.
class FakeLog final : public storage::MessageLog {
 public:
  std::atomic<bool> healthy_now = true;
  std::atomic<bool> memory_knows = true;  ///< has_seen_in_memory() can answer
  std::atomic<bool> reading_fails = false;
  std::atomic<int> finds = 0;
  std::atomic<bool> fences = false;  ///< what is committed is refused
  std::atomic<int> refused = 0;

  /// Until release() nothing that is committed becomes durable.
  void hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void release() {
    std::vector<Waiting> ready;
    {
      const std::lock_guard lock(mutex_);
      held_ = false;
      ready.swap(waiting_);
      for (auto& [batch, done] : ready) apply(batch);
    }
    for (auto& [batch, done] : ready) done(Status());
  }
  /// Once something is held, it can be read, though nobody is told yet that it is durable.
  void write_held() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !waiting_.empty(); });
    for (auto& [batch, done] : waiting_) apply(batch);
  }
  /// The same for answers of has_seen() and query().
  void hold_lookups() {
    const std::lock_guard lock(mutex_);
    lookups_held_ = true;
  }
  void release_lookups() {
    const std::lock_guard lock(mutex_);
    lookups_held_ = false;
    changed_.notify_all();
  }
  void put(storage::LogEntry entry) {
    const std::lock_guard lock(mutex_);
    entries_[entry.owner][entry.id] = std::move(entry);
  }
  void erase(const std::string& owner, storage::LogId id) {
    const std::lock_guard lock(mutex_);
    entries_[owner].erase(id);
  }
  std::vector<storage::LogEntry> entries(const std::string& owner) const {
    const std::lock_guard lock(mutex_);
    std::vector<storage::LogEntry> all;
    for (const auto& [id, entry] : entries_[owner]) all.push_back(entry);
    return all;
  }

  /// By which epochs an owner's entry was written.
  std::vector<storage::Fence> fences_of(const std::string& owner) const {
    const std::lock_guard lock(mutex_);
    const auto found = fences_.find(owner);
    return found == fences_.end() ? std::vector<storage::Fence>() : found->second;
  }

  void commit(storage::LogBatch batch, std::function<void(Status)> done) override {
    if (fences) {
      ++refused;
      refused.notify_all();
      return done(fail(Failure::fenced, "the test's shard has another owner"));
    }
    {
      const std::lock_guard lock(mutex_);
      if (held_) {
        waiting_.push_back({std::move(batch), std::move(done)});
        changed_.notify_all();
        return;
      }
      apply(batch);
    }
    if (done) done(Status());
  }
  bool healthy() const override { return healthy_now; }
  /// By ids, or by address and id.
  Result<storage::ArchivePage> query(const storage::ArchiveQuery& query) const override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !lookups_held_; });
    storage::ArchivePage page;
    const auto& mine = entries_[query.owner];
    for (const storage::LogId id : query.ids) {
      const auto found = mine.find(id);
      if (found != mine.end()) page.entries.push_back(found->second);
    }
    if (!query.ids.empty()) return page;
    for (auto entry = mine.upper_bound(query.after); entry != mine.end(); ++entry) {
      const std::string bare = entry->second.peer.substr(0, entry->second.peer.find('/'));
      if ((entry->second.flags & storage::LogEntry::archived) == 0 || (query.with && *query.with != bare)) continue;
      page.complete = page.entries.size() < query.limit;
      if (!page.complete) break;
      page.entries.push_back(entry->second);
    }
    return page;
  }
  Result<storage::InboxState> load(std::string_view owner) const override {
    const std::lock_guard lock(mutex_);
    const auto& mine = entries_[std::string(owner)];
    return storage::InboxState{.last_id = mine.empty() ? 0 : mine.rbegin()->first,
                               .cursor = cursors_[std::string(owner)]};
  }
  Result<std::vector<storage::LogEntry>> inbox(std::string_view owner, storage::LogId after,
                                               size_t limit) const override {
    if (reading_fails) return fail(Failure::io, "the test's disk does not read");
    const std::lock_guard lock(mutex_);
    std::vector<storage::LogEntry> found;
    const auto& mine = entries_[std::string(owner)];
    for (auto entry = mine.upper_bound(after); entry != mine.end() && found.size() < limit; ++entry) {
      if ((entry->second.flags & storage::LogEntry::inbox) != 0) found.push_back(entry->second);
    }
    return found;
  }
  Result<std::vector<storage::LogEntry>> find(std::string_view owner,
                                              const std::vector<storage::LogId>& ids) const override {
    ++const_cast<FakeLog*>(this)->finds;
    return MessageLog::find(owner, ids);
  }
  Result<storage::OldEntries> old_entries(std::string_view, storage::LogId, storage::LogId, size_t) const override {
    return storage::OldEntries();
  }
  Result<std::optional<storage::LogId>> cursor(std::string_view, std::string_view) const override {
    return std::optional<storage::LogId>();
  }
  Result<bool> has_seen(std::string_view owner, std::string_view key) const override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !lookups_held_; });
    if (reading_fails) return fail(Failure::io, "the test's disk does not read");
    return seen_.contains({std::string(owner), std::string(key)});
  }
  std::optional<bool> has_seen_in_memory(std::string_view owner, std::string_view key) const override {
    if (!memory_knows) return std::nullopt;
    const std::lock_guard lock(mutex_);
    return seen_.contains({std::string(owner), std::string(key)});
  }
  Result<std::optional<uint32_t>> counter(std::string_view, std::string_view session) const override {
    const std::lock_guard lock(mutex_);
    const auto found = counters_.find(std::string(session));
    return found == counters_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  struct Waiting {
    storage::LogBatch batch;
    std::function<void(Status)> done;
  };
  void apply(const storage::LogBatch& batch) {
    for (const auto& entry : batch.entries) {
      entries_[entry.owner][entry.id] = entry;
      fences_[entry.owner] = batch.fences;
    }
    for (const auto& owner : batch.purged) entries_.erase(owner);
    for (const auto& seen : batch.seen) seen_.insert({seen.owner, seen.key});
    for (const auto& cursor : batch.cursors) {
      cursors_[cursor.owner] = cursor.id;
      std::erase_if(entries_[cursor.owner], [&](const auto& entry) {
        return entry.first <= cursor.id && (entry.second.flags & storage::LogEntry::archived) == 0;
      });
    }
    for (const auto& counter : batch.counters) counters_[counter.session] = counter.handled;
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool held_ = false, lookups_held_ = false;
  std::vector<Waiting> waiting_;
  mutable std::map<std::string, std::map<storage::LogId, storage::LogEntry>> entries_;
  mutable std::map<std::string, storage::LogId> cursors_;
  std::map<std::string, uint32_t> counters_;
  std::map<std::string, std::vector<storage::Fence>> fences_;
  std::set<std::pair<std::string, std::string>> seen_;
};

/// Where a client's socket would be. What is sent is "taken by the kernel" at the end of the turn, as by an idle
/// network.
class FakeLink final : public ClientLink {
 public:
  explicit FakeLink(Loop& loop) : loop_(loop) {}
  void send(std::string_view xml) override {
    {
      const std::lock_guard lock(mutex_);
      received_.emplace_back(xml);
    }
    changed_.notify_all();
    if (!drains || std::exchange(drain_scheduled_, true)) return;
    loop_.at_turn_end([this] {
      drain_scheduled_ = false;
      if (session != nullptr) session->on_drained();
    });
  }
  void close(const xmpp::StreamError& error) override {
    session = nullptr;
    {
      const std::lock_guard lock(mutex_);
      error_ = error.to_xml();
    }
    changed_.notify_all();
  }
  std::string peer_address() const override { return "127.0.0.1"; }
  bool is_encrypted() const override { return true; }
  bool is_open() const override { return session != nullptr; }

  std::vector<std::string> received() {
    const std::lock_guard lock(mutex_);
    return received_;
  }
  std::string error() {
    const std::lock_guard lock(mutex_);
    return error_;
  }
  /// false: it has not become true in ten seconds.
  template <typename Condition>
  bool wait_for(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return condition(received_, error_); });
  }

  Session* session = nullptr;  ///< touched on the loop only
  bool drains = true;

 private:
  Loop& loop_;
  bool drain_scheduled_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> received_;
  std::string error_;
};

class HomeFixture : public testing::Test {
 protected:
  explicit HomeFixture(Config config = {}) {
    auto fake = std::make_unique<FakeLog>();
    log = fake.get();
    config.data_dir = folder.path();
    config.c2s.clear();
    config.c2s_tls.clear();
    config.threads = 2;
    node = std::make_unique<Node>(config, std::move(fake));
    const Status started = node->start();
    if (!started) throw std::runtime_error(started.error().message);
  }
  ~HomeFixture() override {
    log->release();
    log->release_lookups();
    node->stop();
  }

  Loop& loop_of(const std::string& account) { return node->router().owner(account); }

  /// Runs `work` on the account's loop and waits for it.
  template <typename Work>
  auto on_loop_of(const std::string& account, Work work) {
    std::promise<decltype(work())> promise;
    loop_of(account).post([&] {
      if constexpr (std::is_void_v<decltype(work())>) {
        work();
        promise.set_value();
      } else {
        promise.set_value(work());
      }
    });
    return promise.get_future().get();
  }

  void add_account(const std::string& account) {
    std::promise<Status> promise;
    const auto jid = xmpp::Jid::parse(account).value();
    node->stores().run([jid](storage::Stores& stores) { return stores.accounts().create({.jid = jid}); },
                       [&](Status done) { promise.set_value(std::move(done)); });
    ASSERT_TRUE(promise.get_future().get());
  }

  /// An account whose home is on the loop of that index.
  std::string account_on(size_t loop, const std::string& name) {
    for (int n = 0;; ++n) {
      std::string account = name + std::to_string(n) + "@localhost";
      if (node->router().owner(account).index() != loop) continue;
      add_account(account);
      return account;
    }
  }

  struct Client {
    HomeFixture& test;
    std::string account, resource;
    FakeLink* link = nullptr;
    std::string sm_id = {};

    void send(const std::string& xml) {
      test.on_loop_of(account, [&] {
        if (link->session != nullptr)
          link->session->on_element(xmpp::parse_document(xml, {}, xmpp::ns::client).value());
      });
    }
    void message(const std::string& to, const std::string& body, const std::string& origin_id = {}) {
      send("<message type='chat' to='" + to + "'><body>" + body + "</body>" +
           (origin_id.empty() ? "" : "<origin-id xmlns='urn:xmpp:sid:0' id='" + origin_id + "'/>") + "</message>");
    }
    void enable(bool resume = true) {
      send(std::string("<enable xmlns='urn:xmpp:sm:3'") + (resume ? " resume='true'" : "") + "/>");
      sm_id = test.on_loop_of(account, [&] { return link->session->resumption_id(); });
    }
    void request_ack() { send("<r xmlns='urn:xmpp:sm:3'/>"); }
    void acknowledge(uint32_t h) { send("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(h) + "'/>"); }
    void go_online() { send("<presence/>"); }
    /// The socket breaks.
    void cut() {
      test.on_loop_of(account, [&] {
        if (link->session != nullptr) std::exchange(link->session, nullptr)->on_link_lost(false);
      });
    }
    /// Continues over a new link; `h` is what it has handled.
    void resume(uint32_t h, bool drains = true) {
      link = &test.links.emplace_back(test.loop_of(account));
      link->drains = drains;
      test.on_loop_of(account, [&] {
        Home* home = test.node->homes().find_loaded(xmpp::Jid::parse(account).value());
        Session* session = home->find_resumable(sm_id);
        ASSERT_NE(session, nullptr);
        link->session = session;
        link->send(session->resume(*link, h));
        session->begin();
      });
    }
    /// The bodies of the messages that came over the present link, in order.
    std::vector<std::string> bodies() {
      std::vector<std::string> found;
      for (const auto& xml : link->received()) add_body(xml, found);
      return found;
    }
    bool has_bodies(size_t count) {
      return link->wait_for([&](const auto& received, const auto&) {
        std::vector<std::string> found;
        for (const auto& xml : received) add_body(xml, found);
        return found.size() >= count;
      });
    }
    bool gets(const std::string& part, size_t times = 1) {
      return link->wait_for([&](const auto& received, const auto&) {
        return std::ranges::count_if(received, [&](const auto& xml) { return xml.find(part) != std::string::npos; }) >=
               static_cast<ptrdiff_t>(times);
      });
    }
    bool is_closed_with(const std::string& part) {
      return link->wait_for([&](const auto&, const auto& error) { return error.find(part) != std::string::npos; });
    }
    size_t count(const std::string& part) {
      size_t found = 0;
      for (const auto& xml : link->received()) found += xml.find(part) != std::string::npos;
      return found;
    }
    std::string last_ack() {
      std::string last;
      for (const auto& xml : link->received()) {
        if (xml.starts_with("<a ")) last = xml;
      }
      return last;
    }

   private:
    static void add_body(const std::string& xml, std::vector<std::string>& found) {
      const auto begin = xml.find("<body>");
      if (begin == std::string::npos) return;
      found.push_back(xml.substr(begin + 6, xml.find("</body>") - begin - 6));
    }
  };

  Client bind(const std::string& account, const std::string& resource) {
    FakeLink& link = links.emplace_back(loop_of(account));
    std::promise<void> bound;
    loop_of(account).post([&] {
      node->homes().with_home(xmpp::Jid::parse(account).value(), [&](Home* home) {
        if (home != nullptr) link.session = &home->bind(resource, link);
        bound.set_value();
      });
    });
    bound.get_future().get();
    return {*this, account, resource, &link};
  }

  /// Everything that has been set going between the loops has been done (but for what waits for the log or the stores).
  void let_loops_run() {
    for (int round = 0; round < 8; ++round) {
      for (auto& loop : node->loops()) {
        std::promise<void> passed;
        loop->post([&] { passed.set_value(); });
        passed.get_future().get();
      }
    }
  }

  const storage::TemporaryFolder folder;
  std::deque<FakeLink> links;
  FakeLog* log = nullptr;
  std::unique_ptr<Node> node;
};

/// Tests begin where a client would come after four billion stanzas.
struct SessionCounters {
  static void start_at(Session& session, uint32_t n) {
    session.received_ = session.durable_ = session.promised_ = session.recording_ = session.elsewhere_ = n;
    session.sent_ = session.acknowledged_ = n;
  }
};

inline std::string a(uint32_t h) { return "<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(h) + "'/>"; }

}  // namespace rookery::server
