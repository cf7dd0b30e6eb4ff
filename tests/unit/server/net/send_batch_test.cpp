#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <memory>

#include "crypto/result.h"
#include "server/net/send_ring.h"
#include "server/net/transport.h"

namespace rookery::server {
namespace {

/// A connected pair of sockets; ours does not block.
struct Pair {
  Pair() {
    int both[2];
    ensure(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) == 0);
    ours = both[0], theirs = both[1];
  }
  ~Pair() {
    if (ours >= 0) close(ours);
    close(theirs);
  }
  Pair(const Pair&) = delete;
  std::string read(size_t size) const {
    std::string got(size, '\0');
    const ssize_t count = recv(theirs, got.data(), size, MSG_WAITALL);
    got.resize(static_cast<size_t>(std::max<ssize_t>(count, 0)));
    return got;
  }
  int ours = -1, theirs = -1;
};

TEST(SendRing, SendsAsSendDoesAndSaysWhatBecameOfIt) {
  const auto ring = SendRing::open();
  if (ring == nullptr) GTEST_SKIP() << "no io_uring here";
  // Twice round the ring.
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<Pair>> pairs;
    std::vector<std::string> texts;
    std::vector<SendRing::Send> sends;
    for (size_t i = 0; i < SendRing::places; ++i) {
      pairs.push_back(std::make_unique<Pair>());
      texts.push_back("for " + std::to_string(i));
    }
    for (size_t i = 0; i < SendRing::places; ++i) sends.push_back({.fd = pairs[i]->ours, .bytes = texts[i]});
    ASSERT_TRUE(ring->run(sends));
    for (size_t i = 0; i < SendRing::places; ++i) {
      EXPECT_EQ(sends[i].result, static_cast<int>(texts[i].size()));
      EXPECT_EQ(pairs[i]->read(texts[i].size()), texts[i]);
    }
  }
}

TEST(SendRing, TellsOfEachThatCannotBeSentWithoutHoldingUpTheOthers) {
  const auto ring = SendRing::open();
  if (ring == nullptr) GTEST_SKIP() << "no io_uring here";
  Pair full, gone, good;
  shutdown(gone.theirs, SHUT_RD);
  const std::string much(16 * 1024 * 1024, 'x');
  std::vector<SendRing::Send> sends = {{.fd = full.ours, .bytes = much},
                                       {.fd = full.ours, .bytes = much},
                                       {.fd = gone.ours, .bytes = "x"},
                                       {.fd = -1, .bytes = "x"},
                                       {.fd = good.ours, .bytes = "good"}};
  ASSERT_TRUE(ring->run(sends));
  EXPECT_GT(sends[0].result, 0);
  EXPECT_LT(sends[0].result, static_cast<int>(much.size()));
  EXPECT_EQ(sends[1].result, -EAGAIN);
  EXPECT_EQ(sends[2].result, -EPIPE);
  EXPECT_EQ(sends[3].result, -EBADF);
  EXPECT_EQ(good.read(4), "good");
}

/// Many transports on one loop.
class SendBatchTest : public testing::Test, public Transport::Owner {
 protected:
  static constexpr size_t connections = 3 * SendRing::places / 2;  // more than one batch

  SendBatchTest() {
    loop_.start();
    for (size_t i = 0; i < connections; ++i) pairs_.push_back(std::make_unique<Pair>());
    on_loop([this] {
      for (auto& pair : pairs_) {
        transports_.push_back(std::make_unique<Transport>(loop_, std::exchange(pair->ours, -1), *this));
        transports_.back()->start();
      }
    });
  }
  void TearDown() override {  // while this object is still whole, for the loop's calls
    on_loop([this] { transports_.clear(); });
    loop_.stop();
  }
  template <typename Function>
  void on_loop(Function function) {
    std::promise<void> done;
    loop_.post([&] {
      function();
      done.set_value();
    });
    done.get_future().wait();
  }

  Loop loop_{0};
  std::vector<std::unique_ptr<Pair>> pairs_;
  std::vector<std::unique_ptr<Transport>> transports_;
  std::function<void()> when_drained_;

 private:
  void on_bytes(std::string_view) override {}
  void on_tls_established() override {}
  void on_drained() override {
    if (when_drained_) when_drained_();
  }
  void on_closed(std::string_view) override {}
};

TEST_F(SendBatchTest, EachConnectionGetsItsOwnBytesInTheirOrder) {
  for (int turn = 0; turn < 2; ++turn) {
    on_loop([&] {
      for (const auto part : {"first ", "then "}) {
        for (size_t i = 0; i < connections; ++i) transports_[i]->send(part + std::to_string(i));
      }
    });
    for (size_t i = 0; i < connections; ++i) {
      const std::string expected = "first " + std::to_string(i) + "then " + std::to_string(i);
      EXPECT_EQ(pairs_[i]->read(expected.size()), expected);
    }
  }
}

TEST_F(SendBatchTest, WhoEndsInTheSameTurnHoldsUpNobody) {
  on_loop([&] {
    for (auto& transport : transports_) transport->send("hello");
    transports_[3].reset();
    // Before the batch is sent, and while its results are handled.
    loop_.at_turn_end([&] { transports_[5].reset(); });
    when_drained_ = [&] { transports_[connections - 1].reset(); };
  });
  for (size_t i = 0; i + 1 < connections; ++i) {
    if (i == 3 || i == 5) continue;
    EXPECT_EQ(pairs_[i]->read(5), "hello");
  }
  on_loop([&] { when_drained_ = {}; });
}

TEST_F(SendBatchTest, WhoDoesNotReadGetsTheRestLater) {
  const std::string much(8 * 1024 * 1024, 'x');
  on_loop([&] {
    for (auto& transport : transports_) transport->send("hello");
    transports_[0]->send(much);
  });
  for (size_t i = 1; i < connections; ++i) EXPECT_EQ(pairs_[i]->read(5), "hello");
  on_loop([&] { transports_[0]->send("end"); });
  EXPECT_EQ(pairs_[0]->read(5 + much.size() + 3), "hello" + much + "end");
  on_loop([&] { EXPECT_EQ(transports_[0]->outbox_bytes(), 0u); });
}

}  // namespace
}  // namespace rookery::server
