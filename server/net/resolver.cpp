#include "server/net/resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <sys/epoll.h>

#include <algorithm>

namespace rookery::server {

namespace {

constexpr int timeout_ms = 3000, tries = 3;
constexpr auto longest_sleep = std::chrono::seconds(1);

template <typename T>
using Then = std::function<void(Result<T>)>;

Error error_of(int status) {
  const bool no_name = status == ARES_ENOTFOUND;
  return {no_name ? Failure::not_found : Failure::unavailable, ares_strerror(status)};
}

void on_srv(void* data, int status, int, unsigned char* bytes, int size) {
  const std::unique_ptr<Then<std::vector<SrvRecord>>> then(static_cast<Then<std::vector<SrvRecord>>*>(data));
  std::vector<SrvRecord> records;
  if (status == ARES_ENODATA) return (*then)(records);
  ares_srv_reply* list = nullptr;
  if (status == ARES_SUCCESS) status = ares_parse_srv_reply(bytes, size, &list);
  if (status == ARES_ENODATA) return (*then)(records);
  if (status != ARES_SUCCESS) return (*then)(std::unexpected(error_of(status)));
  for (const auto* each = list; each != nullptr; each = each->next) {
    records.push_back({each->priority, each->weight, each->port, each->host != nullptr ? each->host : ""});
  }
  ares_free_data(list);
  (*then)(std::move(records));
}

void on_addresses(void* data, int status, int, ares_addrinfo* info) {
  const std::unique_ptr<Then<std::vector<std::string>>> then(static_cast<Then<std::vector<std::string>>*>(data));
  std::vector<std::string> found;
  if (status == ARES_ENODATA) return (*then)(found);
  if (status != ARES_SUCCESS) return (*then)(std::unexpected(error_of(status)));
  for (const auto* node = info->nodes; node != nullptr; node = node->ai_next) {
    char text[INET6_ADDRSTRLEN] = "";
    const void* address =
        node->ai_family == AF_INET6
            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr)
            : &reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr;
    if (inet_ntop(node->ai_family, address, text, sizeof text) != nullptr) found.emplace_back(text);
  }
  ares_freeaddrinfo(info);
  (*then)(std::move(found));
}

/// One of equal priority, by RFC 2782's algorithm: those of weight 0 first, then a number below the sum of all.
size_t choose(const std::vector<SrvRecord>& records, const std::function<uint64_t(uint64_t)>& random) {
  uint64_t sum = 0;
  for (const auto& record : records) sum += record.weight;
  uint64_t chosen = random(sum + 1);
  for (size_t i = 0; i < records.size(); ++i) {
    if (chosen <= records[i].weight) return i;
    chosen -= records[i].weight;
  }
  return records.size() - 1;
}

}  // namespace

std::vector<SrvRecord> in_order(std::vector<SrvRecord> records, const std::function<uint64_t(uint64_t)>& random) {
  std::ranges::sort(records, {},
                    [](const SrvRecord& record) { return std::pair(record.priority, record.weight != 0); });
  std::vector<SrvRecord> ordered;
  while (!records.empty()) {
    const auto end =
        std::ranges::find_if(records, [&](const auto& each) { return each.priority != records.front().priority; });
    std::vector<SrvRecord> equal(records.begin(), end);
    records.erase(records.begin(), end);
    while (!equal.empty()) {
      const auto at = equal.begin() + static_cast<ptrdiff_t>(choose(equal, random));
      ordered.push_back(std::move(*at));
      equal.erase(at);
    }
  }
  return ordered;
}

class Resolver::Socket final : public Watcher {
 public:
  Socket(Resolver& resolver, int fd, uint32_t events) : resolver_(resolver), fd_(fd) {
    resolver_.loop_.watch(fd_, events, this);
  }
  ~Socket() { resolver_.loop_.unwatch(fd_, this); }
  void change(uint32_t events) { resolver_.loop_.change(fd_, events, this); }
  void on_events(uint32_t events) override { resolver_.on_socket(fd_, events); }

 private:
  Resolver& resolver_;
  const int fd_;
};

Resolver::Resolver(Loop& loop, std::string server) : loop_(loop), server_(std::move(server)) {}

Resolver::~Resolver() {
  if (timer_) loop_.cancel(*timer_);
  if (channel_ != nullptr) ares_destroy(channel_);  // answers what waits, and closes the sockets
}

bool Resolver::open() {
  if (channel_ != nullptr) return true;
  static const int ready = ares_library_init(ARES_LIB_INIT_ALL);
  ares_options options{};
  options.timeout = timeout_ms;
  options.tries = tries;
  options.sock_state_cb_data = this;
  options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
    static_cast<Resolver*>(self)->on_socket_state(fd, readable != 0, writable != 0);
  };
  if (ready != ARES_SUCCESS ||
      ares_init_options(&channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
          ARES_SUCCESS) {
    channel_ = nullptr;
    return false;
  }
  return server_.empty() || ares_set_servers_ports_csv(channel_, server_.c_str()) == ARES_SUCCESS;
}

void Resolver::srv(const std::string& name, Then<std::vector<SrvRecord>> then) {
  if (!open()) return then(fail(Failure::unavailable, "no resolver"));
  ares_query(channel_, name.c_str(), ns_c_in, ns_t_srv, on_srv, new Then<std::vector<SrvRecord>>(std::move(then)));
  arm_timer();
}

void Resolver::addresses(const std::string& host, Then<std::vector<std::string>> then) {
  if (!open()) return then(fail(Failure::unavailable, "no resolver"));
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, on_addresses,
                   new Then<std::vector<std::string>>(std::move(then)));
  arm_timer();
}

void Resolver::on_socket_state(int fd, bool readable, bool writable) {
  const uint32_t events = (readable ? uint32_t{EPOLLIN} : 0u) | (writable ? uint32_t{EPOLLOUT} : 0u);
  if (events == 0) {
    sockets_.erase(fd);
    return;
  }
  auto& socket = sockets_[fd];
  if (socket) return socket->change(events);
  socket = std::make_unique<Socket>(*this, fd, events);
}

void Resolver::on_socket(int fd, uint32_t events) {
  const bool failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
  ares_process_fd(channel_, failed || (events & EPOLLIN) != 0 ? fd : ARES_SOCKET_BAD,
                  (events & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
  arm_timer();
}

void Resolver::arm_timer() {
  if (timer_) loop_.cancel(*timer_);
  timer_.reset();
  timeval longest{.tv_sec = longest_sleep.count(), .tv_usec = 0}, next{};
  // Sockets are only there while something is asked.
  if (sockets_.empty() || ares_timeout(channel_, &longest, &next) == nullptr) return;
  timer_ = loop_.after(
      std::chrono::seconds(next.tv_sec) + std::chrono::microseconds(next.tv_usec) + std::chrono::milliseconds(1),
      [this] {
        timer_.reset();
        ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        arm_timer();
      });
}

}  // namespace rookery::server
