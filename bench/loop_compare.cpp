// loop_compare - what our event loop (server/loop.h) costs beside Boost.Asio's, for docs/adr/0001.
//
//   loop_compare [--seconds 5] [--rounds 3] [--connections 200] [--idle 5000]
//
// An echo server that is one function over the same OpenSSL calls runs in a child, driven by the one loop or the other;
// only who waits for readability differs. The parent keeps one message in flight on each connection. CPU is the child's
// own.
#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "server/loop.h"

namespace {

namespace asio = boost::asio;
constexpr size_t message_bytes = 285;

void check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string(what) + ": " + strerror(errno));
}

SSL_CTX* context(bool is_server) {
  SSL_CTX* ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(ctx, 1);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  if (!is_server) return ctx;
  SSL_CTX_set_num_tickets(ctx, 0);
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_set_pubkey(certificate, key);
  X509_sign(certificate, key, EVP_sha256());
  check(SSL_CTX_use_certificate(ctx, certificate) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1, "certificate");
  return ctx;
}

/// A connected socket, with TLS on it or not.
struct Connection {
  int fd = -1;
  SSL* ssl = nullptr;

  void begin(int socket, SSL_CTX* ctx, bool is_server) {
    fd = socket;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (ctx != nullptr) {
      ssl = SSL_new(ctx);
      SSL_set_fd(ssl, fd);
      check((is_server ? SSL_accept(ssl) : SSL_connect(ssl)) == 1, "handshake");
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  }
  ssize_t read(char* to, size_t size) { return ssl ? SSL_read(ssl, to, static_cast<int>(size)) : ::read(fd, to, size); }
  ssize_t write(const char* from, size_t size) {
    return ssl ? SSL_write(ssl, from, static_cast<int>(size)) : ::write(fd, from, size);
  }
};

/// The whole server: what is readable goes back. False: the peer is gone.
bool echo(Connection& connection) {
  static char buffer[16384];
  for (;;) {
    const ssize_t n = connection.read(buffer, sizeof buffer);
    if (n <= 0)
      return connection.ssl ? SSL_get_error(connection.ssl, static_cast<int>(n)) == SSL_ERROR_WANT_READ
                            : n < 0 && errno == EAGAIN;
    connection.write(buffer, static_cast<size_t>(n));
    if (static_cast<size_t>(n) < sizeof buffer && (!connection.ssl || SSL_pending(connection.ssl) == 0)) return true;
  }
}

struct Ours final : rookery::server::Watcher {
  rookery::server::Loop& loop;
  Connection connection;
  Ours(rookery::server::Loop& on, const Connection& given) : loop(on), connection(given) {
    loop.watch(connection.fd, EPOLLIN, this);
  }
  void on_events(uint32_t) override {
    if (!echo(connection)) loop.unwatch(connection.fd, this);
  }
};

struct OfAsio {
  asio::ip::tcp::socket socket;
  Connection connection;
  OfAsio(asio::io_context& io, const Connection& given) : socket(io, asio::ip::tcp::v4(), given.fd), connection(given) {
    wait();
  }
  void wait() {
    socket.async_wait(asio::ip::tcp::socket::wait_read, [this](const boost::system::error_code& error) {
      if (!error && echo(connection)) wait();
    });
  }
};

enum class Kind { ours, asio, asio_without_locks };

[[noreturn]] void serve(Kind kind, int listener, size_t count, bool tls) {
  malloc_trim(0);  // what the parent has freed would be used first
  SSL_CTX* ctx = tls ? context(true) : nullptr;
  std::vector<Connection> connections(count);
  rookery::server::Loop loop(0);
  asio::io_context io(kind == Kind::asio_without_locks ? BOOST_ASIO_CONCURRENCY_HINT_UNSAFE : 1);
  std::vector<std::unique_ptr<Ours>> ours;
  std::vector<std::unique_ptr<OfAsio>> of_asio;
  for (auto& connection : connections) {
    connection.begin(accept(listener, nullptr, nullptr), ctx, true);
    if (kind == Kind::ours)
      ours.push_back(std::make_unique<Ours>(loop, connection));
    else
      of_asio.push_back(std::make_unique<OfAsio>(io, connection));
  }
  if (kind == Kind::ours) {
    loop.start();
    for (;;) pause();
  }
  io.run();
  _exit(0);
}

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double rss_kib(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmRSS:")) return atof(line.c_str() + 6);
  return 0;
}

/// A server child with its connected clients.
class Fleet {
 public:
  Fleet(Kind kind, size_t count, bool tls) : connections_(count) {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    socklen_t length = sizeof address;
    check(bind(listener, reinterpret_cast<sockaddr*>(&address), length) == 0 && listen(listener, 128) == 0, "listen");
    getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
    child_ = fork();
    if (child_ == 0) serve(kind, listener, count, tls);
    close(listener);
    SSL_CTX* ctx = tls ? context(false) : nullptr;
    for (size_t i = 0; i < count; ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM, 0);
      check(connect(fd, reinterpret_cast<sockaddr*>(&address), length) == 0, "connect");
      connections_[i].begin(fd, ctx, false);
      if (i == 0) rss_of_one_ = settled_rss();
    }
    if (ctx) SSL_CTX_free(ctx);
  }
  ~Fleet() {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    for (auto& connection : connections_) {
      SSL_free(connection.ssl);
      close(connection.fd);
    }
  }

  double kib_for_each() { return (settled_rss() - rss_of_one_) / static_cast<double>(connections_.size() - 1); }

  /// CPU microseconds of the server for each message.
  double cost(double seconds) {
    const int epoll = epoll_create1(0);
    std::vector<size_t> received(connections_.size());
    const std::string message(message_bytes, 'x');
    for (size_t i = 0; i < connections_.size(); ++i) {
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      epoll_ctl(epoll, EPOLL_CTL_ADD, connections_[i].fd, &event);
      connections_[i].write(message.data(), message.size());
    }
    clockid_t clock{};
    clock_getcpuclockid(child_, &clock);
    const double warm = seconds_of(CLOCK_MONOTONIC) + 0.5, end = warm + seconds;
    double cpu = -1;
    size_t count = 0;
    for (double now = 0; now < end; now = seconds_of(CLOCK_MONOTONIC)) {
      if (cpu < 0 && now >= warm) cpu = seconds_of(clock), count = 0;
      epoll_event events[256];
      const int n = epoll_wait(epoll, events, 256, 1000);
      for (int k = 0; k < n; ++k) {
        const size_t i = events[k].data.u64;
        char buffer[4096];
        for (ssize_t got = 0; (got = connections_[i].read(buffer, sizeof buffer)) > 0;)
          received[i] += static_cast<size_t>(got);
        if (received[i] < message_bytes) continue;
        received[i] = 0;
        ++count;
        connections_[i].write(message.data(), message.size());
      }
    }
    cpu = seconds_of(clock) - cpu;
    close(epoll);
    return cpu / static_cast<double>(count) * 1e6;
  }

 private:
  double settled_rss() const {
    usleep(300'000);
    return rss_kib(child_);
  }
  std::vector<Connection> connections_;
  pid_t child_ = 0;
  double rss_of_one_ = 0;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 5;
  size_t rounds = 3, connections = 200, idle = 5000;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = argv[i];
    if (key == "--seconds")
      seconds = atof(argv[i + 1]);
    else if (key == "--rounds")
      rounds = static_cast<size_t>(atoi(argv[i + 1]));
    else if (key == "--connections")
      connections = static_cast<size_t>(atoi(argv[i + 1]));
    else if (key == "--idle")
      idle = static_cast<size_t>(atoi(argv[i + 1]));
  }
  signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  constexpr std::array kinds{Kind::ours, Kind::asio, Kind::asio_without_locks};
  constexpr std::array names{"ours", "asio", "asio, unsafe"};
  printf("| | %s | %s | %s |\n|---|---:|---:|---:|\n", names[0], names[1], names[2]);
  for (const bool tls : {false, true}) {
    std::array<std::vector<double>, 3> costs;
    for (size_t round = 0; round < rounds; ++round)  // in turn, so that other load of the machine meets all three
      for (size_t k = 0; k < kinds.size(); ++k) costs[k].push_back(Fleet(kinds[k], connections, tls).cost(seconds));
    printf("| echo, %s, CPU us/message |", tls ? "TLS" : "plain");
    for (const auto& cost : costs) printf(" %.2f |", median(cost));
    printf("\n| idle, %s, KiB/connection |", tls ? "TLS" : "plain");
    for (const Kind kind : kinds) printf(" %.2f |", Fleet(kind, idle, tls).kib_for_each());
    printf("\n");
    fflush(stdout);
  }
}
