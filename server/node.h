// One rookeryd: configuration, stores, loops and what they share.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/config.h"
#include "server/feature.h"
#include "server/home/homes.h"
#include "server/loop.h"
#include "server/routing/router.h"
#include "server/store_worker.h"
#include "server/worker_pool.h"
#include "storage/blobs.h"
#include "storage/message_log.h"
#include "xmpp/payloads/caps.h"

namespace rookery::server {

namespace cluster {
class Cluster;
}

class AdminSocket;
class AuthBackoff;
class BlobWatch;
class BoshSessions;
class Components;
namespace s2s {
class Federation;
}
class ConnectionLimits;
class HttpServer;
class Listener;
class Metrics;
class RateLimit;
class TlsHolder;

/// The stores, for what one account or room owns.
class OwnedStores {
 public:
  OwnedStores(StoreWorker& worker, storage::Fence fence) : worker_(worker), fence_(fence) {}

  template <typename Work, typename Then>
  void run(Work work, Then then) {
    worker_.run(fence_, std::move(work), std::move(then));
  }
  template <typename Work>
  auto run(Work work) {
    return worker_.run(fence_, std::move(work));
  }

 private:
  StoreWorker& worker_;
  const storage::Fence fence_;
};

/// Who asks for an account before authentication, as its stream knows it.
struct Stranger {
  std::string domain;  ///< that its stream is to
  std::string ip;
  std::string invite;  ///< id of the invitation that it has shown (XEP-0445), else empty
  unsigned tries = 0;  ///< registrations asked for with it
};

class Node {
 public:
  /// `log`: another message log than the configured one, for tests.
  explicit Node(Config config, std::unique_ptr<storage::MessageLog> log = nullptr);
  ~Node();

  Status start();
  /// Ends all streams and commits what clients have sent; the loops have ended when it returns. Blocks until clients
  /// have taken the end of their streams, for two seconds at most.
  void stop();

  const Config& config() const { return config_; }
  /// Of the calling loop: what it asks for is done in that order. An account's home is on one loop, so its writes are
  /// in order.
  StoreWorker& stores();
  /// The same for writes to what belongs to an account or room of the calling loop: in a cluster they are refused once
  /// that is another node's.
  OwnedStores stores_of(const xmpp::Jid& owner);
  bool stores_healthy() const;
  size_t store_jobs() const;  ///< that wait for a store worker; any thread
  size_t store_workers() const { return stores_.size(); }
  storage::MessageLog& log() { return *log_; }
  Router& router() { return router_; }
  FeatureRegistry& features() { return features_; }
  const xmpp::Caps& caps() const { return caps_; }  ///< of the server itself (XEP-0115 §6.3)
  Homes& homes(const Loop& loop) { return *homes_[loop.index()]; }
  Homes& homes() { return homes(*Loop::current()); }  ///< of the calling loop
  std::vector<std::unique_ptr<Loop>>& loops() { return loops_; }
  /// Null on a single node.
  cluster::Cluster* cluster() { return cluster_.get(); }
  TlsHolder& tls() { return *tls_; }
  HttpServer& http() { return *http_; }
  const HttpServer& http() const { return *http_; }
  /// Listens on `address` for one loop; behind a proxy where [listen] proxy_protocol says so. The listener is started
  /// and kept.
  Status listen(const std::string& address, Loop& loop, std::function<void(int fd, const std::string& ip)> accept);
  storage::BlobStore& blobs() { return *blobs_; }  ///< uploads; open when config().upload
  WorkerPool& files() { return *files_; }          ///< for blocking calls of blobs()
  ConnectionLimits& limits() { return *limits_; }
  Components& components() { return *components_; }
  s2s::Federation& federation() { return *federation_; }
  AuthBackoff& backoff() { return *backoff_; }
  WorkerPool& derivations() { return derivations_; }  ///< of keys from passwords
  const std::string& decoy_secret() const { return decoy_secret_; }
  /// Of the accounts as they were at the start; since then keys are made as the configuration says.
  const std::vector<storage::KeyKind>& key_kinds() const { return key_kinds_; }

  /// Runs a blocking read on a worker thread, then `then(result)` on the calling loop. For the message log.
  template <typename Read, typename Then>
  void read_log(Read read, Then then) {
    stores().read([this, read = std::move(read)](storage::Stores&) mutable { return read(*log_); }, std::move(then));
  }
  template <typename Read>
  auto read_log(Read read) {
    auto work = [this, read = std::move(read)](storage::Stores&) mutable { return read(*log_); };
    return stores().run(std::move(work));
  }

  /// Hands an IQ for our domain, or for an account whose home is this loop's, to its handler, or answers that there is
  /// none.
  void serve_iq(Envelope envelope);

  /// XEP-0077 and XEP-0445 before authentication; `reply` is called on the calling loop. May change the stranger.
  void register_before_auth(xmpp::ElementPtr iq, std::shared_ptr<Stranger> stranger,
                            std::move_only_function<void(xmpp::ElementPtr)> reply);
  /// REQUIREMENTS 28: has the network of `ip`, and have all together, not registered too often? Counts this time.
  bool may_register(const std::string& ip);

  /// Answers an admin command (docs/ADMIN): lines, the last one "ok" or "error: …".
  std::string admin(const std::vector<std::string>& words, const std::string& password);
  Status reload();  ///< certificates; a bad one keeps the old one

  std::atomic<uint64_t> connections{0}, logins{0}, failed_logins{0}, reading_pauses{0};
  Clock::time_point started_at() const { return started_at_; }
  /// Why this node should get no clients now: storage refuses (REQUIREMENTS 21), or it has no part in its cluster.
  /// Empty when it should. Any thread.
  std::string not_ready() const;
  /// Why uploads fail now, while the rest works; empty when they do not. Any thread.
  std::string uploads_problem() const;

  /// An administrator's command for an account whose home is this loop's, sent by another node (cluster/wire.h).
  void command_from_node(const std::string& words);
  /// From a loop: the same command, to whichever loop or node owns the account.
  void tell_owner(const xmpp::Jid& jid, std::string command);
  bool is_admin(const xmpp::Jid& jid) const;  ///< named in [admin] accounts
  unsigned loop_count() const;

 private:
  Status open_stores();
  Status open_listeners();
  void close_streams();
  void on_each_loop(const std::function<void(Loop&)>& job);  ///< returns when all have done it; from no loop
  Status join_cluster();
  std::string admin_account(const std::vector<std::string>& words, const std::string& password);
  std::string admin_invite(const std::vector<std::string>& words);  // admin/invite_admin.cpp
  std::string admin_sessions(std::string_view filter);
  /// True when the account's home is another node's, which gets the command.
  bool sent_to_owner(const xmpp::Jid& jid, std::string command);
  size_t kick_here(const xmpp::Jid& jid, const std::string& reason);
  void delete_here(const xmpp::Jid& jid);
  std::string admin_kick(const std::vector<std::string>& words);

  Config config_;
  std::unique_ptr<ConnectionLimits> limits_;  // before the loops: a connection that ends with its loop leaves it
  std::unique_ptr<AuthBackoff> backoff_;
  std::unique_ptr<RateLimit> registrations_of_network_, registrations_;
  std::unique_ptr<BoshSessions> bosh_;      // the same
  std::unique_ptr<Components> components_;  // before the loops: what is posted to them names its members
  std::unique_ptr<storage::MessageLog> log_;
  std::vector<std::unique_ptr<StoreWorker>> stores_;
  std::unique_ptr<storage::BlobStore> blobs_;
  std::unique_ptr<BlobWatch> blob_watch_;
  std::unique_ptr<WorkerPool> files_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::unique_ptr<Homes>> homes_;
  std::unique_ptr<s2s::Federation> federation_;  // after the loops, on which it has timers
  Router router_{*this};
  FeatureRegistry features_;
  xmpp::Caps caps_;
  std::unique_ptr<cluster::Cluster> cluster_;
  std::unique_ptr<TlsHolder> tls_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<AdminSocket> admin_socket_;
  std::unique_ptr<Metrics> metrics_;
  Clock::time_point started_at_ = Clock::now();
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::string decoy_secret_;
  std::vector<storage::KeyKind> key_kinds_;
  WorkerPool derivations_{1, 32};  // each takes tens of milliseconds; nobody waits longer for a password than that
};

}  // namespace rookery::server
