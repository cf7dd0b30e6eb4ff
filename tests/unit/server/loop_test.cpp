#include "server/loop.h"

#include <gmock/gmock.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <future>

namespace rookery::server {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class LoopTest : public testing::Test {
 protected:
  void SetUp() override { loop.start(); }
  /// Runs `work` on the loop and waits for it.
  void on_loop(Job work) {
    std::promise<void> done;
    loop.post([&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }
  Loop loop{0};
};

TEST_F(LoopTest, RunsWhatIsPostedInTheOrderOfPosting) {
  std::vector<int> order;
  for (int i = 0; i < 1000; ++i) loop.post([&order, i] { order.push_back(i); });
  on_loop([] {});
  ASSERT_EQ(order.size(), 1000u);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST_F(LoopTest, KeepsTheOrderOfEachThreadThatPosts) {
  std::vector<std::vector<int>> orders(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < orders.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 1000; ++i) loop.post([&orders, t, i] { orders[t].push_back(i); });
    });
  }
  for (auto& thread : threads) thread.join();
  on_loop([] {});
  for (const auto& order : orders) {
    EXPECT_EQ(order.size(), 1000u);
    EXPECT_TRUE(std::ranges::is_sorted(order));
  }
}

TEST_F(LoopTest, RunsWhatAJobPostsAfterWhatWasThereBefore) {
  std::vector<int> order;
  std::promise<void> done;
  on_loop([&] {
    loop.post([&] { order.push_back(1); });
    loop.post([&] {
      order.push_back(2);
      loop.post([&] {
        order.push_back(4);
        done.set_value();
      });
    });
    loop.post([&] { order.push_back(3); });
  });
  done.get_future().get();
  EXPECT_THAT(order, ElementsAre(1, 2, 3, 4));
}

TEST_F(LoopTest, KnowsItselfOnItsThreadOnly) {
  EXPECT_EQ(Loop::current(), nullptr);
  on_loop([&] { EXPECT_EQ(Loop::current(), &loop); });
}

TEST_F(LoopTest, GoesOnAfterAJobThatThrows) {
  loop.post([] { throw std::runtime_error("a mistake of the test"); });
  bool ran = false;
  on_loop([&] { ran = true; });
  EXPECT_TRUE(ran);
}

TEST_F(LoopTest, RunsTheEndOfATurnAfterEverythingThatWasReady) {
  std::vector<int> order;
  std::promise<void> done;
  on_loop([&] {
    loop.at_turn_end([&] {
      order.push_back(2);
      loop.at_turn_end([&] {
        order.push_back(3);
        done.set_value();
      });
    });
    order.push_back(1);
  });
  done.get_future().get();
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST_F(LoopTest, TellsAWatcherOfTheTurnsEndOnceUnlessItIsGone) {
  struct Waiter final : Watcher {
    explicit Waiter(int& told) : told(told) {}
    void on_events(uint32_t) override {}
    void on_turn_end() override { ++told; }
    int& told;
  };
  int told = 0, told_gone = 0;
  Waiter waiter(told);
  on_loop([&] {
    Waiter gone(told_gone);
    loop.at_turn_end(waiter);
    loop.at_turn_end(gone);
    loop.at_turn_end(waiter);
    EXPECT_EQ(told, 0);
  });
  on_loop([] {});
  EXPECT_EQ(told, 1);
  EXPECT_EQ(told_gone, 0);
}

TEST_F(LoopTest, RunsTimersInTheOrderOfTheirTimesAndThenOfTheirMaking) {
  std::vector<int> order;
  std::promise<void> done;
  on_loop([&] {
    loop.after(30ms, [&] {
      order.push_back(3);
      done.set_value();
    });
    loop.after(0ms, [&] { order.push_back(1); });
    loop.after(10ms, [&] { order.push_back(2); });
  });
  done.get_future().get();
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST_F(LoopTest, NeverRunsATimerEarly) {
  const auto begin = Clock::now();
  std::promise<Clock::time_point> ran;
  on_loop([&] { loop.after(20ms, [&] { ran.set_value(Clock::now()); }); });
  EXPECT_GE(ran.get_future().get() - begin, 20ms);
}

TEST_F(LoopTest, DoesNotRunACancelledTimer) {
  std::vector<int> order;
  std::promise<void> done;
  on_loop([&] {
    const auto first = loop.after(1ms, [&] { order.push_back(1); });
    auto second = std::make_shared<Loop::TimerId>();
    loop.after(2ms, [&, second] {
      order.push_back(2);
      loop.cancel(*second);
    });
    *second = loop.after(2ms, [&] { order.push_back(3); });  // due in the same turn as the one that cancels it
    loop.after(3ms, [&] { done.set_value(); });
    loop.cancel(first);
    loop.cancel(first);  // once more does no harm
  });
  done.get_future().get();
  EXPECT_THAT(order, ElementsAre(2));
}

/// A pipe whose reading end a loop watches.
class Pipe final : public Watcher {
 public:
  explicit Pipe(std::function<void(Pipe&)> on_ready) : on_ready_(std::move(on_ready)) { EXPECT_EQ(pipe(ends_), 0); }
  ~Pipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  void make_ready() { EXPECT_EQ(write(ends_[1], "x", 1), 1); }
  void empty() {
    char byte = 0;
    EXPECT_EQ(read(ends_[0], &byte, 1), 1);
  }
  int fd() const { return ends_[0]; }
  void on_events(uint32_t) override { on_ready_(*this); }

 private:
  std::function<void(Pipe&)> on_ready_;
  int ends_[2];
};

TEST_F(LoopTest, TellsAWatcherUntilThereIsNothingLeftToRead) {
  int times = 0;
  std::promise<void> done;
  Pipe watched([&](Pipe& self) {
    self.empty();
    if (++times == 3) done.set_value();
  });
  for (int i = 0; i < 3; ++i) watched.make_ready();
  on_loop([&] { loop.watch(watched.fd(), EPOLLIN, &watched); });
  done.get_future().get();
  on_loop([&] { loop.unwatch(watched.fd(), &watched); });
  EXPECT_EQ(times, 3);
}

// Both are ready in one turn; whoever comes first ends the other, as when a client takes over another's session.
TEST_F(LoopTest, DoesNotTellAWatcherThatWasRemovedInTheSameTurn) {
  int told = 0;
  std::vector<Pipe*> pipes;
  const auto end_the_other = [&](Pipe& self) {
    ++told;
    self.empty();
    for (Pipe* pipe : pipes) {
      if (pipe != &self) loop.unwatch(pipe->fd(), pipe);
    }
  };
  Pipe one(end_the_other), other(end_the_other);
  pipes = {&one, &other};
  one.make_ready();
  other.make_ready();
  on_loop([&] {
    loop.watch(one.fd(), EPOLLIN, &one);
    loop.watch(other.fd(), EPOLLIN, &other);
  });
  on_loop([] {});
  on_loop([&] {
    for (Pipe* pipe : pipes) loop.unwatch(pipe->fd(), pipe);
  });
  EXPECT_EQ(told, 1);
}

TEST_F(LoopTest, TellsAWatcherThatWasAddedDuringTheTurn) {
  std::promise<void> done;
  Pipe second([&](Pipe& self) {
    loop.unwatch(self.fd(), &self);
    done.set_value();
  });
  second.make_ready();
  Pipe first([&](Pipe& self) {
    loop.unwatch(self.fd(), &self);
    loop.watch(second.fd(), EPOLLIN, &second);
  });
  first.make_ready();
  on_loop([&] { loop.watch(first.fd(), EPOLLIN, &first); });
  done.get_future().get();
}

TEST_F(LoopTest, AsksOnlyForTheEventsThatAreWanted) {
  bool told = false;
  Pipe watched([&](Pipe& self) {
    told = true;
    self.empty();
  });
  on_loop([&] { loop.watch(watched.fd(), 0, &watched); });
  watched.make_ready();
  on_loop([] {});
  on_loop([] {});
  EXPECT_FALSE(told);
  on_loop([&] { loop.change(watched.fd(), EPOLLIN, &watched); });
  on_loop([] {});
  on_loop([] {});
  on_loop([&] { loop.unwatch(watched.fd(), &watched); });
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace rookery::server
