#include "server/archive/turns.h"

#include <gmock/gmock.h>

namespace rookery::server {
namespace {

using testing::ElementsAre;

struct Turns : testing::Test {
  /// Asks under this name; the turn is kept until it is taken out of `held`.
  bool ask(const xmpp::Jid& who, const std::string& name) {
    return turns.ask(who, [this, name](ArchiveTurns::TurnPtr turn) {
      ran.push_back(name);
      held.push_back(std::move(turn));
    });
  }
  void end_oldest() {
    const auto turn = std::move(held.front());
    held.erase(held.begin());
  }

  const xmpp::Jid romeo = xmpp::Jid::parse("romeo@localhost/orchard").value(),
                  phone = xmpp::Jid::parse("romeo@localhost/phone").value();
  const xmpp::Jid juliet = xmpp::Jid::parse("juliet@localhost/balcony").value();
  ArchiveTurns& turns = ArchiveTurns::here();
  std::vector<std::string> ran;
  std::vector<ArchiveTurns::TurnPtr> held;
};

TEST_F(Turns, AnAccountHasOneQueryUnderWayAndOthersDoNotWaitForIt) {
  EXPECT_TRUE(ask(romeo, "r1"));
  EXPECT_TRUE(ask(phone, "r2"));
  EXPECT_TRUE(ask(juliet, "j1"));
  EXPECT_THAT(ran, ElementsAre("r1", "j1"));
  end_oldest();
  EXPECT_THAT(ran, ElementsAre("r1", "j1", "r2"));
  end_oldest();
  end_oldest();
  EXPECT_TRUE(ask(romeo, "r3"));
  EXPECT_EQ(ran.back(), "r3") << "nothing is left of those that are done";
  end_oldest();
}

TEST_F(Turns, TooManyAreNotTaken) {
  for (size_t n = 0; n <= ArchiveTurns::most_waiting; ++n) EXPECT_TRUE(ask(romeo, std::to_string(n)));
  EXPECT_FALSE(ask(romeo, "one too many"));
  EXPECT_TRUE(ask(juliet, "another's"));
  while (!held.empty()) end_oldest();
  EXPECT_EQ(ran.size(), ArchiveTurns::most_waiting + 2);
}

TEST_F(Turns, AQueryThatIsOverAtOnceMakesWayForTheNext) {
  EXPECT_TRUE(ask(romeo, "first"));
  size_t count = 0;
  for (int n = 0; n < 100; ++n) EXPECT_TRUE(turns.ask(romeo, [&](const ArchiveTurns::TurnPtr&) { ++count; }));
  end_oldest();
  EXPECT_EQ(count, 100u);
}

}  // namespace
}  // namespace rookery::server
