#include "server/s2s/federation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <future>

#include "crypto/random.h"
#include "server/cluster/cluster.h"
#include "server/config_readers.h"
#include "server/log.h"
#include "server/net/tls_holder.h"
#include "server/s2s/incoming_stream.h"
#include "server/s2s/remote_servers.h"

namespace rookery::server::s2s {

namespace {

constexpr auto queue_check = std::chrono::seconds(5);
constexpr unsigned most_new_servers = 1000;  // that one sender may have us look for in an hour

/// RFC 6890 and its kin: nothing of the public Internet.
const Networks& private_networks() {
  static const Networks networks = *Networks::parse(
      {"0.0.0.0/8",    "10.0.0.0/8",   "100.64.0.0/10",  "127.0.0.0/8",   "169.254.0.0/16",  "172.16.0.0/12",
       "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
       "224.0.0.0/3",  "::/128",       "::1/128",        "64:ff9b::/96",  "100::/64",        "2001:db8::/32",
       "2002::/16",    "fc00::/7",     "fe80::/10",      "ff00::/8"});
  return networks;
}

bool is_below(std::string_view domain, std::string_view parent) {
  return domain == parent || (domain.size() > parent.size() && domain.ends_with(parent) &&
                              domain[domain.size() - parent.size() - 1] == '.');
}

bool is_that_listener(const std::string& listener, const std::string& ip, uint16_t port) {
  const auto host = host_of(listener);
  if (!host || !listener.ends_with(":" + std::to_string(port))) return false;
  return *host == ip || ((*host == "0.0.0.0" || *host == "::") && is_own_address(ip));
}

Result<std::string> shared_secret(storage::Stores& stores, const xmpp::Jid& owner) {
  constexpr std::string_view kind = "dialback-secret";
  const auto known = stores.values().get(owner, kind, "");
  if (!known) return std::unexpected<Error>(known.error());
  if (*known) return **known;
  std::string made = crypto::random_token(32);
  if (const Status stored = stores.values().put(owner, kind, "", made); !stored)
    return std::unexpected<Error>(stored.error());
  return made;
}

/// On the store's worker, while the loops do not run yet.
template <typename Work>
auto run_and_wait(StoreWorker& worker, Work work) {
  std::promise<StoreWorker::ResultOf<Work>> promise;
  auto future = promise.get_future();
  worker.run(std::move(work), [&promise](StoreWorker::ResultOf<Work> result) { promise.set_value(std::move(result)); });
  return future.get();
}

}  // namespace

bool is_local_name(std::string_view domain) {
  constexpr std::array<std::string_view, 8> suffixes = {"localhost", "local",    "test",      "invalid",
                                                        "example",   "internal", "home.arpa", "onion"};
  if (domain.find('.') == std::string_view::npos || domain.starts_with('[')) return true;
  if (domain.find_first_not_of("0123456789.") == std::string_view::npos) return true;
  return std::ranges::any_of(suffixes, [&](std::string_view suffix) { return is_below(domain, suffix); });
}

bool is_listed(std::string_view domain, const std::vector<std::string>& list) {
  return std::ranges::any_of(list, [&](const std::string& entry) { return is_below(domain, entry); });
}

Federation::Federation(Node& node) : node_(node), new_servers_(most_new_servers, std::chrono::hours(1)) {}
Federation::~Federation() = default;

bool Federation::is_on() const {
  if (node_.config().s2s_enabled != "auto") return node_.config().s2s_enabled == "on";
  return !std::ranges::all_of(node_.config().domains, [](const std::string& domain) { return is_local_name(domain); });
}

bool Federation::federates(std::string_view our_domain) const {
  if (!is_on() || !node_.router().is_ours(our_domain)) return false;
  return node_.config().s2s_enabled == "on" || !is_local_name(our_domain);
}

bool Federation::is_welcome(std::string_view their_domain) const {
  const Config& config = node_.config();
  if (is_listed(their_domain, config.s2s_deny) || node_.router().is_ours(their_domain)) return false;
  return config.s2s_allow.empty() || is_listed(their_domain, config.s2s_allow);
}

bool Federation::reaches(std::string_view from, std::string_view to) const { return federates(from) && is_welcome(to); }

Status Federation::may_connect(const std::string& ip, uint16_t port, bool is_configured) const {
  const Config& config = node_.config();
  for (const auto* list : {&config.c2s, &config.c2s_tls, &config.c2s_plain, &config.s2s, &config.s2s_tls, &config.http,
                           &config.http_plain, &config.components_listen, &config.metrics}) {
    for (const auto& listener : *list) {
      if (is_that_listener(listener, ip, port)) return fail(Failure::unavailable, ip + " is this server itself");
    }
  }
  if (is_configured || allowed_.contains(ip) || !private_networks().contains(ip)) return {};
  return fail(Failure::unavailable, ip + " is no public address, and [s2s] allow_private does not name it");
}

Status Federation::load() {
  auto domain = xmpp::Jid::parse(node_.config().domains.front());
  if (!domain) return std::unexpected<Error>(domain.error());
  first_domain_ = std::move(*domain);
  allowed_ = Networks::parse(node_.config().s2s_allow_private).value_or(Networks());
  if (!is_on()) return {};
  const auto look = [owner = first_domain_](storage::Stores& stores) { return shared_secret(stores, owner); };
  // Twice: where two nodes make one at the same time, the last one's counts for both.
  for (int i = 0; i < 2; ++i) {
    auto secret = run_and_wait(node_.stores(), look);
    if (!secret) return std::unexpected<Error>(secret.error());
    secret_ = std::move(*secret);
  }
  return {};
}

void Federation::begin() {
  if (!is_on()) return;
  for (auto& loop : node_.loops()) servers_.push_back(std::make_unique<RemoteServers>(*this, node_, *loop));
  node_.loops().front()->post([this] { read_queues(); });
}

// What waits for other servers since before the start, or since another node owned their shards.
void Federation::read_queues() {
  auto read = [owner = first_domain_](storage::Stores& stores) { return stores.values().all(owner, Peer::mark_kind); };
  node_.stores().run(std::move(read), [this](Result<std::vector<std::pair<std::string, std::string>>> marks) {
    if (!marks) log::error("s2s_queues_not_read", {{"error", marks.error().message}});
    const bool again = !marks || node_.cluster() != nullptr;
    for (const auto& [domain, unused] : marks.value_or(std::vector<std::pair<std::string, std::string>>())) {
      const auto jid = xmpp::Jid::parse(domain);
      if (!jid || (node_.cluster() != nullptr && !node_.cluster()->owns(shard_of(domain)))) continue;
      Loop& loop = node_.router().owner(domain);
      loop.post([this, &loop, jid = *jid] { servers(loop).load(jid); });
    }
    if (again) Loop::current()->after(queue_check, [this] { read_queues(); });
  });
}

Status Federation::open_listeners() {
  if (!is_on()) return {};
  for (const bool direct : {false, true}) {
    for (const auto& address : direct ? node_.config().s2s_tls : node_.config().s2s) {
      for (auto& loop : node_.loops()) {
        const Status opened =
            node_.listen(address, *loop, [this, &loop = *loop, address, direct](int fd, const std::string& ip) {
              SSL_CTX* tls = direct ? node_.tls().from_servers(true) : nullptr;
              IncomingStream::accept(servers(loop), std::make_shared<TcpWire>(loop, fd, tls), ip, address, direct);
            });
        if (!opened) return opened;
      }
    }
  }
  return {};
}

void Federation::close_here() {
  if (is_on()) servers(*Loop::current()).close();
}

void Federation::receive(Envelope envelope) {
  if (is_on()) return servers(*Loop::current()).receive(std::move(envelope));
  // From a node of the cluster that federates, while this one is told not to.
  node_.router().refuse(std::move(envelope), {.condition = xmpp::Condition::remote_server_not_found});
}

void Federation::handled(const SenderRef& sender) {
  const auto tell = [this](const SenderRef& which) {
    Loop& loop = *node_.loops()[which.stream->loop];
    if (&loop == Loop::current()) return servers(loop).handled(which);
    loop.post([this, &loop, which] { servers(loop).handled(which); });
  };
  tell(sender);
  if (sender.stream->key.empty()) return;
  for (const SenderRef& other : resends_.end(sender.stream->key)) tell(other);
}

void Federation::peer_is_there(const std::string& domain) {
  Loop& loop = node_.router().owner(domain);
  loop.post([this, &loop, domain] { servers(loop).wake(domain); });
}

std::string Federation::describe() {
  if (!is_on()) return "error: this server does not federate: see [s2s] enabled\n";
  std::string out;
  for (auto& loop : node_.loops()) {
    std::promise<std::string> promise;
    auto lines = promise.get_future();
    loop->post([this, &loop = *loop, &promise] { promise.set_value(servers(loop).describe()); });
    out += lines.get();
  }
  return out + "ok\n";
}

}  // namespace rookery::server::s2s
