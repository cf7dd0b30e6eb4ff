#include "server/node.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <future>
#include <thread>

#include "crypto/random.h"
#include "server/admin/admin_socket.h"
#include "server/backends.h"
#include "server/blob_watch.h"
#include "server/cluster/cluster.h"
#include "server/components/component.h"
#include "server/edge/auth_backoff.h"
#include "server/edge/bosh_wire.h"
#include "server/edge/client_stream.h"
#include "server/edge/connection_limits.h"
#include "server/edge/tcp_wire.h"
#include "server/edge/websocket_wire.h"
#include "server/features/features.h"
#include "server/http/http_server.h"
#include "server/log.h"
#include "server/metrics/metrics.h"
#include "server/net/address.h"
#include "server/net/listener.h"
#include "server/net/proxy_protocol.h"
#include "server/net/tls_holder.h"
#include "server/rate_limit.h"
#include "server/s2s/federation.h"
#include "storage/postgres.h"

namespace rookery::server {

namespace {
constexpr auto drain_time = std::chrono::seconds(2);
constexpr auto drain_poll = std::chrono::milliseconds(2);
constexpr int most_hops = 2;             // from the sender's loop to the receiver's, and back
constexpr unsigned file_threads = 2;     // for a disk
constexpr unsigned remote_threads = 16;  // for an object store, where most of the time is waiting
}  // namespace

Node::Node(Config config, std::unique_ptr<storage::MessageLog> log)
    : config_(std::move(config)),
      limits_(std::make_unique<ConnectionLimits>(
          ConnectionLimits::Caps{.per_network = config_.unauthenticated_per_ip,
                                 .per_listener = config_.unauthenticated_per_listener,
                                 .total = config_.unauthenticated_total})),
      backoff_(std::make_unique<AuthBackoff>(
          AuthBackoff::Settings{.first = config_.backoff_first, .most = config_.backoff_most})),
      registrations_of_network_(std::make_unique<RateLimit>(config_.registrations_per_ip, std::chrono::hours(1))),
      registrations_(std::make_unique<RateLimit>(config_.registrations_per_hour, std::chrono::hours(1))),
      bosh_(std::make_unique<BoshSessions>(*this)),
      components_(std::make_unique<Components>(*this)),
      log_(std::move(log)),
      federation_(std::make_unique<s2s::Federation>(*this)),
      tls_(std::make_unique<TlsHolder>()),
      http_(std::make_unique<HttpServer>(*this)) {
  if (config_.upload_domain.empty()) config_.upload_domain = "upload." + config_.domains.front();
  if (config_.upload_folder.empty()) config_.upload_folder = config_.data_dir / "uploads";
  if (config_.admin_socket.empty()) config_.admin_socket = config_.data_dir / "rookery.sock";
}

Node::~Node() = default;

Status Node::open_stores() {
  std::error_code error;
  std::filesystem::create_directories(config_.data_dir, error);
  if (error) return fail(Failure::io, "cannot create " + config_.data_dir.string() + ": " + error.message());
  chmod(config_.data_dir.c_str(), 0700);
  auto opened = open_backends(config_, loop_count(), log_ == nullptr);
  if (!opened) return std::unexpected<Error>(opened.error());
  // REQUIREMENTS 11: the same name keeps the same decoy salt over restarts.
  const auto here = xmpp::Jid::parse(config_.domains.front());
  if (!here) return fail(Failure::invalid, "server.domains: " + here.error().message);
  storage::Stores& stores = *opened->stores.front();
  const auto secret = stores.values().get(*here, "decoy-secret", "");
  if (!secret) return std::unexpected<Error>(secret.error());
  decoy_secret_ = secret->value_or(crypto::random_token(32));
  if (!*secret) {
    const Status stored =
        stores.transaction([&] { return stores.values().put(*here, "decoy-secret", "", decoy_secret_); });
    if (!stored) return stored;
  }
  auto kinds = stores.accounts().key_kinds();
  if (!kinds) return std::unexpected<Error>(kinds.error());
  key_kinds_ = std::move(*kinds);
  for (auto& each : opened->stores) stores_.push_back(std::make_unique<StoreWorker>(std::move(each)));
  if (log_ != nullptr) return {};
  log_ = std::move(opened->log);
  files_ = std::make_unique<WorkerPool>(config_.upload_store == "local" ? file_threads : remote_threads);
  if (!config_.upload) return {};
  auto blobs = open_blobs(config_);
  if (!blobs) return std::unexpected<Error>(blobs.error());
  blobs_ = std::move(*blobs);
  blob_watch_ = std::make_unique<BlobWatch>(*blobs_, *files_);
  return {};
}

unsigned Node::loop_count() const {
  return config_.threads != 0 ? config_.threads : std::max(1u, std::thread::hardware_concurrency());
}

StoreWorker& Node::stores() {
  const Loop* loop = Loop::current();
  return *stores_[loop == nullptr ? 0 : loop->index() % stores_.size()];
}

OwnedStores Node::stores_of(const xmpp::Jid& owner) {
  // The server's own services are every node's.
  if (!cluster_ || !owner.has_local()) return {stores(), {}};
  const uint32_t shard = shard_of(owner.bare_text());
  const uint64_t epoch = homes().epoch_of(shard);
  // 0 would mean that nobody has to show anything; who has lost the shard shows what everybody has passed.
  return {stores(), {shard, epoch != 0 ? epoch : 1}};
}

bool Node::stores_healthy() const {
  return std::ranges::all_of(stores_, [](const auto& worker) { return worker->healthy(); });
}

size_t Node::store_jobs() const {
  size_t jobs = 0;
  for (const auto& worker : stores_) jobs += worker->waiting();
  return jobs;
}

std::string Node::not_ready() const {
  if (!log_->healthy()) return "the message log refuses to write";
  if (!stores_healthy()) return "the stores refuse to write";
  if (!cluster_) return {};
  if (cluster_->is_suspended()) return "the leases have run out and the database does not answer";
  if (cluster_->is_draining()) return "draining";
  return cluster_->is_bus_connected() ? "" : "NATS is away";
}

std::string Node::uploads_problem() const { return blob_watch_ ? blob_watch_->problem() : std::string(); }

Status Node::listen(const std::string& address, Loop& loop, std::function<void(int fd, const std::string& ip)> accept) {
  if (std::ranges::find(config_.proxy_protocol, address) != config_.proxy_protocol.end()) {
    auto proxies = Networks::parse(config_.proxies);
    if (!proxies) return fail(Failure::invalid, "listen.proxies holds something that is no address or network");
    accept = [gate = std::make_shared<ProxyGate>(loop, std::move(*proxies), std::move(accept))](
                 int fd, const std::string& ip) { gate->take(fd, ip); };
  }
  auto listener = Listener::open(address, loop, std::move(accept));
  if (!listener) return std::unexpected<Error>(listener.error());
  (*listener)->start();
  listeners_.push_back(std::move(*listener));
  return {};
}

Status Node::open_listeners() {
  const auto open = [this](const std::vector<std::string>& addresses, Security security,
                           ConnectionKind kind) -> Status {
    for (const auto& address : addresses) {
      if (security == Security::plaintext && !is_loopback(address)) {
        return fail(Failure::invalid, "listen.c2s_plain: " + address + " is not a loopback address");
      }
      for (auto& loop : loops_) {
        const Status opened = listen(
            address, *loop, [this, &loop = *loop, door = Door{security, address, kind}](int fd, const std::string& ip) {
              auto wire =
                  std::make_shared<TcpWire>(loop, fd, door.security == Security::direct_tls ? tls_->direct() : nullptr);
              ClientStream::accept(*this, loop, std::move(wire), ip, door);
            });
        if (!opened) return opened;
      }
    }
    return {};
  };
  if (const Status opened = open(config_.c2s, Security::starttls, ConnectionKind::starttls); !opened) return opened;
  if (const Status opened = open(config_.c2s_tls, Security::direct_tls, ConnectionKind::direct_tls); !opened)
    return opened;
  if (const Status opened = open(config_.c2s_plain, Security::plaintext, ConnectionKind::plaintext); !opened)
    return opened;
  http_->serve("/xmpp-websocket",
               [this](const std::shared_ptr<HttpConnection>& connection) { accept_websocket(*this, connection); });
  http_->serve("/http-bind", [this](const std::shared_ptr<HttpConnection>& connection) { bosh_->serve(connection); });
  if (const Status opened = http_->open_listeners(); !opened) return opened;
  if (const Status opened = components_->open_listeners(); !opened) return opened;
  if (const Status opened = federation_->open_listeners(); !opened) return opened;
  metrics_ = std::make_unique<Metrics>(*this);
  return metrics_->open();
}

Status Node::start() {
  if (const Status opened = open_stores(); !opened) return opened;
  if (const Status loaded = tls_->load(config_); !loaded) return loaded;
  if (const Status loaded = components_->load(); !loaded) return loaded;
  if (const Status loaded = federation_->load(); !loaded) return loaded;
  install_features(*this, features_);
  caps_ = caps_of_server(features_);
  for (unsigned i = 0; i < loop_count(); ++i) {
    loops_.push_back(std::make_unique<Loop>(i));
    homes_.push_back(std::make_unique<Homes>(*this, *loops_.back()));
  }
  federation_->begin();
  if (!config_.cluster_nats.empty()) {
    if (const Status joined = join_cluster(); !joined) return joined;
  }
  if (const Status opened = open_listeners(); !opened) return opened;
  for (auto& loop : loops_) loop->start();
  for (auto& hook : features_.started) loops_.front()->post([&hook] { hook(); });
  if (blob_watch_) loops_.front()->post([this] { blob_watch_->look(); });
  admin_socket_ = std::make_unique<AdminSocket>(
      [this](const std::vector<std::string>& words, const std::string& password) { return admin(words, password); });
  return admin_socket_->start(config_.admin_socket);
}

Status Node::join_cluster() {
  const storage::PostgresOptions options = postgres_options(config_);
  const storage::NodeIdentity identity{
      .id = options.node, .address = crypto::random_token(), .version = ROOKERY_VERSION};
  auto leases = storage::open_postgres_leases(options, identity, shard_count, config_.cluster_lease);
  if (!leases) return std::unexpected<Error>(leases.error());
  cluster_ = std::make_unique<cluster::Cluster>(*this, identity, std::move(*leases));
  return cluster_->start({.servers = config_.cluster_nats,
                          .name = {},
                          .credentials_file = config_.cluster_nats_credentials,
                          .ca_file = config_.cluster_nats_ca,
                          .certificate_file = config_.cluster_nats_certificate,
                          .key_file = config_.cluster_nats_key,
                          .on_reconnected = {}});
}

Status Node::reload() { return tls_->load(config_); }

void Node::close_streams() {
  for (auto& loop : loops_) {
    loop->post([this, &loop = *loop] {
      for (auto& listener : listeners_) {
        if (&listener->loop() == &loop) listener->stop();
      }
      for (Home* home : homes(loop).loaded()) {
        // The session outlives its link, which may be gone at the end of this turn.
        for (Session* session : home->sessions())
          session->abandon({.condition = xmpp::StreamCondition::system_shutdown});
      }
      federation_->close_here();
      components_->close_here({.condition = xmpp::StreamCondition::system_shutdown, .text = {}, .application = {}});
      if (cluster_)
        cluster_->links().close_all(
            {.condition = xmpp::StreamCondition::system_shutdown, .text = {}, .application = {}});
    });
  }
}

void Node::on_each_loop(const std::function<void(Loop&)>& job) {
  std::vector<std::future<void>> done;
  for (auto& loop : loops_) {
    auto promise = std::make_shared<std::promise<void>>();
    done.push_back(promise->get_future());
    loop->post([&job, &loop = *loop, promise] {
      job(loop);
      promise->set_value();
    });
  }
  for (auto& future : done) future.wait();
}

void Node::stop() {
  if (admin_socket_) admin_socket_->stop();
  if (!cluster_) {
    on_each_loop([this](Loop&) {
      for (const auto& hook : features_.stopping) hook();
    });
    on_each_loop([](Loop&) {});  // what they have said to clients of other loops goes out before the end of the streams
  }
  close_streams();
  // A peer that takes nothing does not hold us up for long; one that has not authenticated has nothing to lose.
  const auto deadline = Clock::now() + drain_time;
  while (connections > limits_->count() && Clock::now() < deadline) std::this_thread::sleep_for(drain_poll);
  on_each_loop([this](Loop&) { bosh_->lose_all_here(); });
  // What one loop has posted to another reaches its batch before any of them ends.
  for (int hop = 0; hop < most_hops; ++hop) {
    on_each_loop([this](Loop& loop) {
      for (Home* home : homes(loop).loaded()) home->flush_cursor();  // what has been read is not delivered again
    });
  }
  if (cluster_) cluster_->stop();
  if (blobs_) blobs_->stop();
  for (auto& loop : loops_) loop->stop();
  files_.reset();
  metrics_.reset();
  stores_.clear();  // finishes the queued writes, and reads of the log
  log_.reset();     // and the queued commits
}

void Node::register_before_auth(xmpp::ElementPtr iq, std::shared_ptr<Stranger> stranger,
                                std::move_only_function<void(xmpp::ElementPtr)> reply) {
  server::register_before_auth(*this, std::move(iq), std::move(stranger), std::move(reply));
}

bool Node::may_register(const std::string& ip) {
  const auto now = Clock::now();
  return registrations_of_network_->take(network_of(ip), now) && registrations_->take({}, now);
}

void Node::serve_iq(Envelope envelope) {
  const auto* payload = envelope.stanza->first_element();
  const auto type = envelope.stanza->attr("type");
  if (payload == nullptr || (type != "get" && type != "set")) return;
  for (const auto& hook : features_.iq_request) {
    if (hook(envelope)) return;
  }
  const Scope scope = envelope.to.has_local() ? Scope::account : Scope::server;
  const IqHandler* handler = features_.table(scope).find(type, payload->name(), payload->ns());
  if (handler == nullptr) {
    // RFC 6121 §8.5.1, REQUIREMENTS 16: the same answer as where there is no such account.
    return router_.bounce(envelope, {.condition = xmpp::Condition::service_unavailable});
  }
  (*handler)(IqRequest(*this, std::move(envelope.stanza), std::move(envelope.from), envelope.to.bare()));
}

}  // namespace rookery::server
