#include "server/net/transport.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <future>
#include <memory>

#include "crypto/result.h"

namespace rookery::server {
namespace {

/// Both ends of a TCP connection over loopback.
struct TcpPair {
  int ours = -1, theirs = -1;
  TcpPair() {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    ensure(bind(listener, generic, size) == 0 && listen(listener, 1) == 0 &&
           getsockname(listener, generic, &size) == 0);
    theirs = socket(AF_INET, SOCK_STREAM, 0);
    ensure(connect(theirs, generic, size) == 0);
    ours = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    ensure(ours >= 0);
    close(listener);
  }
  ~TcpPair() {
    if (theirs >= 0) close(theirs);  // the other one is the transport's
  }
  /// TCP RST.
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(theirs, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(theirs);
    theirs = -1;
  }
};

/// Owns a transport on a running loop; everything about it happens there.
class Connection final : public Transport::Owner {
 public:
  explicit Connection(int fd) : loop_(0), transport_(std::make_unique<Transport>(loop_, fd, *this)) { loop_.start(); }
  ~Connection() {
    on_loop([this] { transport_.reset(); });
    loop_.stop();
  }
  template <typename Function>
  void on_loop(Function function) {
    std::promise<void> done;
    loop_.post([&] {
      function();
      loop_.at_turn_end([&] { done.set_value(); });
    });
    done.get_future().wait();
  }
  LinkHealth health() {
    LinkHealth health;
    on_loop([&] { health = transport_->health(); });
    return health;
  }
  Transport& transport() { return *transport_; }
  void await_end() { ended_.get_future().wait(); }

 private:
  void on_bytes(std::string_view) override {}
  void on_tls_established() override {}
  void on_drained() override {}
  void on_closed(std::string_view) override { ended_.set_value(); }

  std::promise<void> ended_;
  Loop loop_;
  std::unique_ptr<Transport> transport_;
};

TEST(Transport, ToldOfAPeerThatReadsItHasARoundTripAndNothingWaiting) {
  TcpPair pair;
  Connection connection(pair.ours);
  connection.on_loop([&] { connection.transport().start(); });
  connection.on_loop([&] { connection.transport().send("hello"); });
  char got[5];
  ASSERT_EQ(recv(pair.theirs, got, sizeof got, MSG_WAITALL), 5);
  const auto health = connection.health();
  EXPECT_GT(health.rtt.count(), 0);
  EXPECT_EQ(health.outbox_bytes, 0u);
  EXPECT_EQ(health.timeouts_in_a_row, 0u);
}

TEST(Transport, ToldOfAPeerThatDoesNotReadItCountsWhatWaits) {
  TcpPair pair;
  Connection connection(pair.ours);
  connection.on_loop([&] { connection.transport().start(); });
  constexpr size_t size = 64 * 1024 * 1024;  // more than the kernel takes for both ends
  connection.on_loop([&] { connection.transport().send(std::string(size, ' ')); });
  const auto health = connection.health();
  EXPECT_GT(health.unacked_bytes, 0u);
  EXPECT_GT(health.outbox_bytes, 0u);
  EXPECT_LT(health.outbox_bytes, size);
}

TEST(Transport, KnowsNothingOfAConnectionThatHasEnded) {
  TcpPair pair;
  Connection connection(pair.ours);
  connection.on_loop([&] { connection.transport().start(); });
  connection.on_loop([&] { connection.transport().finish(); });
  close(std::exchange(pair.theirs, -1));
  connection.await_end();
  const auto health = connection.health();
  EXPECT_EQ(health.rtt.count(), 0);
  EXPECT_EQ(health.unacked_bytes, 0u);
}

// REQ 1, 2: who is closed because its time or its place is gone does not stay for as long as it takes nothing.
TEST(Transport, FinishesAtOnceForAPeerThatDoesNotReadWhenItMust) {
  TcpPair pair;
  Connection connection(pair.ours);
  connection.on_loop([&] { connection.transport().start(); });
  connection.on_loop([&] {
    connection.transport().send(std::string(64 * 1024 * 1024, ' '));
    connection.transport().finish_now();
  });
  connection.await_end();
}

TEST(Transport, SaysItsLastWordsToAPeerThatIsStillSpeaking) {
  TcpPair pair;
  Connection connection(std::exchange(pair.ours, -1));
  connection.on_loop([&] {
    connection.transport().start();
    connection.transport().send("the end");
    connection.transport().finish();
  });
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(send(pair.theirs, "more", 4, MSG_NOSIGNAL), 4);
    connection.on_loop([] {});  // it has had its chance to close
  }
  std::array<char, 16> got{};
  EXPECT_EQ(recv(pair.theirs, got.data(), got.size(), MSG_WAITALL), 7);
  EXPECT_STREQ(got.data(), "the end");
  EXPECT_EQ(recv(pair.theirs, got.data(), got.size(), 0), 0);
  close(std::exchange(pair.theirs, -1));
  connection.await_end();
}

// REQ 6, 14: whose reading is paused may hang up at any time; nobody is waited for, and the loop does not spin.
TEST(Transport, NoticesAResetWhileReadingIsPaused) {
  TcpPair pair;
  Connection connection(pair.ours);
  connection.on_loop([&] { connection.transport().start(); });
  connection.on_loop([&] { connection.transport().pause_reading(); });
  pair.reset();
  connection.await_end();
}

}  // namespace
}  // namespace rookery::server
