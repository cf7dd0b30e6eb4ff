#include "server/command_runs.h"

#include <gtest/gtest.h>

#include "server/node.h"

namespace rookery::server {
namespace {

using namespace std::chrono_literals;

struct CommandRunsTest : testing::Test {
  CommandRun run(std::string_view from) {
    return {.command = &command,
            .call = std::make_shared<CommandCall>(CommandCall{node, *xmpp::Jid::parse(from), "example.org", {}})};
  }
  static xmpp::Jid jid(std::string_view text) { return *xmpp::Jid::parse(text); }

  Node node{Config()};
  Command command{.node = "dance", .name = "Dance", .may_run = {}, .stages = {}, .run = {}};
  CommandRuns runs;
  Clock::time_point now{};
};

TEST_F(CommandRunsTest, ARunIsFoundOnceByItsClientAndCommand) {
  ASSERT_TRUE(runs.add("1", run("a@example.org/x"), now));
  EXPECT_EQ(runs.take("1", jid("a@example.org/y"), "dance", now).error(), CommandRuns::Missing::unknown);
  EXPECT_EQ(runs.take("1", jid("a@example.org/x"), "sing", now).error(), CommandRuns::Missing::unknown);
  EXPECT_TRUE(runs.take("1", jid("a@example.org/x"), "dance", now));
  EXPECT_EQ(runs.take("1", jid("a@example.org/x"), "dance", now).error(), CommandRuns::Missing::unknown);
}

// XEP-0050 §4.4: session-expired
TEST_F(CommandRunsTest, ARunThatNobodyGoesOnWithExpires) {
  ASSERT_TRUE(runs.add("1", run("a@example.org/x"), now));
  ASSERT_TRUE(runs.add("2", run("a@example.org/x"), now));
  EXPECT_TRUE(runs.take("1", jid("a@example.org/x"), "dance", now + CommandRuns::lifetime - 1s));
  EXPECT_EQ(runs.take("2", jid("a@example.org/x"), "dance", now + CommandRuns::lifetime).error(),
            CommandRuns::Missing::expired);
}

TEST_F(CommandRunsTest, AnExpiredRunIsCalledSoWhileItIsRememberedAndHoldsNoAnswers) {
  std::weak_ptr<CommandCall> call;
  {
    auto first = run("a@example.org/x");
    call = first.call;
    ASSERT_TRUE(runs.add("1", std::move(first), now));
  }
  EXPECT_FALSE(call.expired());
  ASSERT_TRUE(runs.add("2", run("b@example.org/x"), now + CommandRuns::lifetime));  // others go on meanwhile
  EXPECT_TRUE(call.expired());
  EXPECT_EQ(runs.take("1", jid("a@example.org/x"), "dance", now + CommandRuns::lifetime + 1min).error(),
            CommandRuns::Missing::expired);
  EXPECT_EQ(runs.take("2", jid("b@example.org/x"), "dance", now + CommandRuns::lifetime + 3h).error(),
            CommandRuns::Missing::unknown);
}

TEST_F(CommandRunsTest, OneAccountHasNoMoreThanItsShareUntilSomeExpire) {
  for (size_t i = 0; i < CommandRuns::most_of_one; ++i)
    ASSERT_TRUE(runs.add(std::to_string(i), run("a@example.org/x"), now));
  EXPECT_FALSE(runs.add("more", run("a@example.org/y"), now));
  EXPECT_TRUE(runs.add("other", run("b@example.org/x"), now));
  EXPECT_TRUE(runs.add("later", run("a@example.org/y"), now + CommandRuns::lifetime));
}

}  // namespace
}  // namespace rookery::server
