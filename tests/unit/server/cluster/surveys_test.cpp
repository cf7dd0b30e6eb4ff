// What a node asks all others, and what it is asked: the other nodes are what the test says.
#include "server/cluster/surveys.h"

#include "server/cluster/cluster.h"
#include "tests/unit/server/cluster/fake_bus.h"
#include "tests/unit/server/home/home_fixture.h"

namespace rookery::server::cluster {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds never = std::chrono::hours(1);  // a test that waits so long has failed

OnlineQuery everybody(size_t named = 0) {
  return {.domain = "localhost", .group = OnlineQuery::Group::all, .named = named, .account = {}};
}

class SurveysTest : public HomeFixture {
 protected:
  SurveysTest() {
    on_loop_of(romeo, [&] {
      port = std::make_unique<Port>(*node, loop_of(romeo), bus, "test.", "here");
      ASSERT_TRUE(port->subscribe());
      know({"here", "there", "elsewhere"});
    });
  }
  ~SurveysTest() override {
    let_loops_run();
    on_loop_of(romeo, [&] {
      surveys.reset();
      port.reset();
    });
  }

  void begin(milliseconds patience = never) {
    on_loop_of(romeo, [&] { surveys = std::make_unique<Surveys>(*node, loop_of(romeo), *port, "here", patience); });
  }
  /// All shards are elsewhere's.
  void know(std::set<std::string> processes) {
    auto places = std::make_shared<Places>();
    places->processes = std::move(processes);
    places->shards.assign(shard_count, {.process = "elsewhere", .epoch = 1});
    port->on_places(places);
  }

  struct Outcome {
    size_t asked = 0;
    std::vector<SurveyAnswer> answers;
  };
  template <typename Asked>
  static Task<void> collect(Surveys& surveys, Asked asked, std::promise<Outcome>& outcome) {
    auto question = surveys.ask(asked);
    auto answers = co_await question;
    outcome.set_value({.asked = question.asked(), .answers = std::move(answers)});
  }
  template <typename Asked>
  std::future<Outcome> ask(Asked asked) {
    auto& outcome = outcomes.emplace_back();
    on_loop_of(romeo, [&] { spawn(collect(*surveys, asked, outcome), "test"); });
    return outcome.get_future();
  }
  /// As `process` would.
  void answer(const std::string& process, SurveyAnswer answer) {
    bus.deliver(Topic::survey_answer, encode(answer), process + ".0");
    let_loops_run();
  }
  static bool is_over(const std::future<Outcome>& outcome) {
    return outcome.wait_for(milliseconds(0)) == std::future_status::ready;
  }
  std::vector<FakeBus::Published> published() {
    return on_loop_of(romeo, [&] { return std::exchange(bus.published, {}); });
  }
  /// What this node answers to a question of another one.
  SurveyAnswer answered_here(Topic topic, const std::string& question) {
    bus.deliver(topic, question, "elsewhere.1");
    let_loops_run();
    const auto packets = published();
    if (packets.size() != 1) return ADD_FAILURE() << packets.size() << " packets", SurveyAnswer();
    EXPECT_EQ(packets[0].subject, "test.l.elsewhere.1.d");
    EXPECT_EQ(packets[0].topic, Topic::survey_answer);
    const auto answer = parse_survey_answer(packets[0].body);
    return answer ? *answer : SurveyAnswer();
  }

  std::string romeo = account_on(0, "romeo"), juliet = account_on(1, "juliet");
  FakeBus bus;
  std::unique_ptr<Port> port;
  std::unique_ptr<Surveys> surveys;
  std::deque<std::promise<Outcome>> outcomes;
};

TEST_F(SurveysTest, TheFirstLoopOfEachOtherNodeIsAskedAndAllAnswersAreAwaited) {
  begin();
  const auto outcome = ask(everybody(25));
  const auto packets = published();
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].subject, "test.l.elsewhere.0.d");
  EXPECT_EQ(packets[1].subject, "test.l.there.0.d");
  const auto survey = parse_survey(packets[1].body);
  ASSERT_TRUE(survey && packets[1].topic == Topic::survey);
  EXPECT_EQ(survey->query.named, 25u);
  answer("there", {.number = survey->number, .users = {.count = 2}});
  EXPECT_FALSE(is_over(outcome));
  answer("elsewhere", {.number = survey->number, .users = {.count = 3}});
  ASSERT_TRUE(is_over(outcome));
}

TEST_F(SurveysTest, EachNodeAnswersAQuestionOnce) {
  begin();
  auto outcome = ask(everybody());
  const uint64_t number = parse_survey(published().at(0).body)->number;
  answer("there", {.number = number, .users = {.count = 2}});
  answer("there", {.number = number, .users = {.count = 2}});
  answer("a stranger", {.number = number, .users = {.count = 90}});
  answer("elsewhere", {.number = number + 1, .users = {.count = 90}});
  ASSERT_FALSE(is_over(outcome));
  answer("elsewhere", {.number = number, .users = {.count = 3}});
  ASSERT_TRUE(is_over(outcome));
  const Outcome got = outcome.get();
  EXPECT_EQ(got.asked, 2u);
  ASSERT_EQ(got.answers.size(), 2u);
  EXPECT_EQ(got.answers[0].users.count + got.answers[1].users.count, 5u);
}

TEST_F(SurveysTest, WhoeverDoesNotAnswerIsMissingWhenPatienceIsOver) {
  begin(milliseconds(50));
  auto outcome = ask(everybody());
  const uint64_t number = parse_survey(published().at(0).body)->number;
  answer("there", {.number = number, .users = {.count = 2}});
  const Outcome got = outcome.get();
  EXPECT_EQ(got.asked, 2u);
  ASSERT_EQ(got.answers.size(), 1u);
  EXPECT_EQ(got.answers[0].users.count, 2u);
  answer("elsewhere", {.number = number, .users = {.count = 3}});  // too late, and no harm
}

TEST_F(SurveysTest, ANodeThatHasNobodyToAskDoesNotWait) {
  begin();
  on_loop_of(romeo, [&] { know({"here"}); });
  auto outcome = ask(everybody());
  let_loops_run();
  ASSERT_TRUE(is_over(outcome));
  EXPECT_EQ(outcome.get().asked, 0u);
  EXPECT_TRUE(published().empty());
}

TEST_F(SurveysTest, OfOneAccountItsOwnerAloneIsAsked) {
  begin(milliseconds(50));
  OnlineQuery one = everybody();
  one.account = *xmpp::Jid::parse(romeo);
  auto outcome = ask(one);
  const auto packets = published();
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].subject, "test.l.elsewhere.0.d");
  EXPECT_EQ(parse_survey(packets[0].body)->query.account.text(), romeo);
  EXPECT_EQ(outcome.get().asked, 1u);
  // Once that is dead and nobody has taken its shards, nobody knows.
  on_loop_of(romeo, [&] { know({"here", "there"}); });
  EXPECT_EQ(ask(one).get().asked, 0u);
}

TEST_F(SurveysTest, ANodeCountsWhoIsAtItsHomesOnAllLoops) {
  begin();
  Client orchard = bind(romeo, "orchard"), garden = bind(romeo, "garden"), balcony = bind(juliet, "balcony");
  bind(account_on(1, "nurse"), "hall");  // not available
  orchard.go_online();
  garden.send("<presence><show>away</show></presence>");
  balcony.send("<presence><show>xa</show></presence>");
  let_loops_run();
  published();

  const SurveyAnswer all = answered_here(Topic::survey, encode(Survey{5, everybody(10)}));
  EXPECT_EQ(all.number, 5u);
  EXPECT_EQ(all.users.count, 2u);
  EXPECT_EQ(all.users.idle, 1u);
  EXPECT_EQ(all.users.accounts, (std::vector{*xmpp::Jid::parse(juliet), *xmpp::Jid::parse(romeo)}));
  EXPECT_TRUE(all.users.resources.empty());

  const SurveyAnswer first = answered_here(Topic::survey, encode(Survey{6, everybody(1)}));
  EXPECT_EQ(first.users.count, 2u);
  EXPECT_EQ(first.users.accounts, std::vector{*xmpp::Jid::parse(juliet)});
  EXPECT_TRUE(answered_here(Topic::survey, encode(Survey{7, everybody()})).users.accounts.empty());

  OnlineQuery idle = everybody(10), active = everybody(10), elsewhere = everybody(10);
  idle.group = OnlineQuery::Group::idle;
  active.group = OnlineQuery::Group::active;
  elsewhere.domain = "example.org";
  EXPECT_EQ(answered_here(Topic::survey, encode(Survey{8, idle})).users.accounts,
            std::vector{*xmpp::Jid::parse(juliet)});
  EXPECT_EQ(answered_here(Topic::survey, encode(Survey{9, active})).users.accounts,
            std::vector{*xmpp::Jid::parse(romeo)});
  EXPECT_EQ(answered_here(Topic::survey, encode(Survey{10, elsewhere})).users.count, 0u);
}

TEST_F(SurveysTest, OfOneAccountItsSessionsAreTold) {
  begin();
  Client orchard = bind(romeo, "orchard");
  bind(romeo, "garden");
  orchard.go_online();
  let_loops_run();
  published();
  OnlineQuery one = everybody();
  one.account = *xmpp::Jid::parse(romeo);
  SurveyAnswer answer = answered_here(Topic::survey, encode(Survey{5, one}));
  EXPECT_EQ(answer.users.count, 1u);
  std::ranges::sort(answer.users.resources);
  EXPECT_EQ(answer.users.resources, (std::vector<std::string>{"garden", "orchard"}));
  EXPECT_EQ(answer.users.addresses, (std::vector<std::string>{"127.0.0.1", "127.0.0.1"}));
  one.account = *xmpp::Jid::parse(juliet);
  answer = answered_here(Topic::survey, encode(Survey{6, one}));
  EXPECT_EQ(answer.users.count, 0u);
  EXPECT_TRUE(answer.users.resources.empty());
}

TEST_F(SurveysTest, AnAnnouncementReachesThoseWhoAreAvailableAndTheyAreCounted) {
  begin();
  Client orchard = bind(romeo, "orchard"), garden = bind(romeo, "garden"), balcony = bind(juliet, "balcony");
  orchard.go_online();
  balcony.go_online();
  let_loops_run();
  published();
  const Announcement announcement{.domain = "localhost", .text = "We restart", .subject = "Tonight"};
  const SurveyAnswer answer = answered_here(Topic::announcement, encode(SurveyAnnouncement{5, announcement}));
  EXPECT_EQ(answer.number, 5u);
  EXPECT_EQ(answer.reached, 2u);
  const std::string sent = "<subject>Tonight</subject><body>We restart</body>";
  EXPECT_EQ(orchard.count(sent), 1u);
  EXPECT_EQ(balcony.count(sent), 1u);
  EXPECT_EQ(garden.count(sent), 0u);

  const auto outcome = ask(announcement);
  const auto packets = published();
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].topic, Topic::announcement);
  const auto asked = parse_survey_announcement(packets[0].body);
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->announcement.text, "We restart");
  for (const char* process : {"there", "elsewhere"})
    this->answer(process, {.number = asked->number, .users = {}, .reached = 4});
  EXPECT_TRUE(is_over(outcome));
}

TEST_F(SurveysTest, WhatIsNotUnderstoodIsNotAnswered) {
  begin();
  bus.deliver(Topic::survey, "\x03");
  bus.deliver(Topic::announcement, "\x03");
  bus.deliver(Topic::survey_answer, "\x03");
  let_loops_run();
  EXPECT_TRUE(published().empty());
}

}  // namespace
}  // namespace rookery::server::cluster
