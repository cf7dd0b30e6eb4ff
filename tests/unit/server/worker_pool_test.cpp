#include "server/worker_pool.h"

#include <gtest/gtest.h>

#include <future>
#include <string>

namespace rookery::server {
namespace {

class WorkerPoolTest : public ::testing::Test {
 protected:
  void SetUp() override { loop_.start(); }
  void TearDown() override { loop_.stop(); }
  Loop loop_{0};
};

TEST_F(WorkerPoolTest, WorksElsewhereAndAnswersOnTheLoopThatAsked) {
  WorkerPool pool(1, 10);
  std::promise<std::string> answer;
  std::thread::id worker;
  loop_.post([&] {
    const auto loop_thread = std::this_thread::get_id();
    pool.try_run(
        [&]() -> Result<std::string> {
          worker = std::this_thread::get_id();
          return "derived";
        },
        [&, loop_thread](Result<std::string> result) {
          EXPECT_EQ(std::this_thread::get_id(), loop_thread);
          EXPECT_NE(worker, loop_thread);
          answer.set_value(result.value_or("failed"));
        });
  });
  EXPECT_EQ(answer.get_future().get(), "derived");
}

// REQ 28: strangers cannot queue up work without end.
TEST_F(WorkerPoolTest, RefusesWhatWouldWaitTooLong) {
  WorkerPool pool(1, 1);
  std::promise<void> running, go_on;
  std::promise<Failure> refused;
  std::promise<void> second_done;
  loop_.post([&] {
    pool.try_run(
        [&]() -> Status {
          running.set_value();
          go_on.get_future().wait();
          return {};
        },
        [](const Status&) {});
  });
  running.get_future().wait();
  loop_.post([&] {
    pool.try_run([]() -> Status { return {}; },
                 [&](const Status& status) {
                   EXPECT_TRUE(status);
                   second_done.set_value();
                 });
    pool.try_run([]() -> Status { return {}; },
                 [&](const Status& status) { refused.set_value(status.error().failure); });
  });
  EXPECT_EQ(refused.get_future().get(), Failure::full);
  go_on.set_value();
  second_done.get_future().wait();
}

}  // namespace
}  // namespace rookery::server
