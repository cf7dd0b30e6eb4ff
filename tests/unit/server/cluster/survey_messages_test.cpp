#include "server/cluster/survey_messages.h"

#include <gtest/gtest.h>

#include "server/cluster/tlv.h"

namespace rookery::server::cluster {
namespace {

xmpp::Jid jid(std::string_view text) { return *xmpp::Jid::parse(text); }

Survey survey() {
  return {.number = 7,
          .query = {.domain = "example.org",
                    .group = OnlineQuery::Group::idle,
                    .named = 25,
                    .account = jid("juliet@example.org"),
                    .is_described = true}};
}

SurveyAnswer answer() {
  return {.number = 7,
          .users = {.count = 12,
                    .idle = 3,
                    .accounts = {jid("juliet@example.org"), jid("romeo@example.org")},
                    .resources = {"balcony", "garden", "chamber"},
                    .addresses = {"192.0.2.7", "", "2001:db8::7"},
                    .lines = {"juliet@example.org/balcony state=active", "juliet@example.org/garden state=detached"},
                    .answered = {}},
          .reached = 5};
}

TEST(SurveyMessages, AQuestionComesOutAsItWentIn) {
  const auto asked = parse_survey(encode(survey()));
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->number, 7u);
  EXPECT_EQ(asked->query.domain, "example.org");
  EXPECT_EQ(asked->query.group, OnlineQuery::Group::idle);
  EXPECT_EQ(asked->query.named, 25u);
  EXPECT_EQ(asked->query.account.text(), "juliet@example.org");
  EXPECT_TRUE(asked->query.is_described);

  const auto of_all = parse_survey(
      encode(Survey{1, {.domain = "example.org", .group = OnlineQuery::Group::all, .named = 0, .account = {}}}));
  ASSERT_TRUE(of_all);
  EXPECT_EQ(of_all->query.group, OnlineQuery::Group::all);
  EXPECT_EQ(of_all->query.named, 0u);
  EXPECT_TRUE(of_all->query.account.empty());
  EXPECT_FALSE(of_all->query.is_described);
}

TEST(SurveyMessages, AnAnswerComesOutAsItWentIn) {
  const auto answered = parse_survey_answer(encode(answer()));
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->number, 7u);
  EXPECT_EQ(answered->users.count, 12u);
  EXPECT_EQ(answered->users.idle, 3u);
  EXPECT_EQ(answered->users.accounts, answer().users.accounts);
  EXPECT_EQ(answered->users.resources, answer().users.resources);
  EXPECT_EQ(answered->users.addresses, answer().users.addresses);
  EXPECT_EQ(answered->users.lines, answer().users.lines);
  EXPECT_EQ(answered->reached, 5u);

  const auto of_nobody = parse_survey_answer(encode(SurveyAnswer{.number = 8, .users = {}}));
  ASSERT_TRUE(of_nobody);
  EXPECT_EQ(of_nobody->users.count, 0u);
  EXPECT_TRUE(of_nobody->users.accounts.empty());
}

TEST(SurveyMessages, AnAnnouncementComesOutAsItWentIn) {
  const auto said = parse_survey_announcement(
      encode(SurveyAnnouncement{9, {.domain = "example.org", .text = "a < b\nand more", .subject = "Tonight"}}));
  ASSERT_TRUE(said);
  EXPECT_EQ(said->number, 9u);
  EXPECT_EQ(said->announcement.domain, "example.org");
  EXPECT_EQ(said->announcement.text, "a < b\nand more");
  EXPECT_EQ(said->announcement.subject, "Tonight");
}

TEST(SurveyMessages, NobodyIsAskedForMoreNamesThanAListShows) {
  Survey greedy = survey();
  greedy.query.named = 1'000'000;
  EXPECT_EQ(parse_survey(encode(greedy))->query.named, OnlineQuery::most_named);
}

// NATS takes 1 MiB, and a packet has a head.
TEST(SurveyMessages, TheLongestAnswerFitsIntoAPacket) {
  SurveyAnswer longest{.number = UINT64_MAX, .users = {}};
  const std::string name(1019, 'a'), domain = std::string(60, 'd') + ".example";
  for (size_t i = 1000; i < 1000 + OnlineQuery::most_named; ++i)
    longest.users.accounts.push_back(*xmpp::Jid::make(name + std::to_string(i), domain));
  const std::string body = encode(longest);
  EXPECT_LT(body.size(), (1u << 20) - 1024);
  EXPECT_EQ(parse_survey_answer(body)->users.accounts, longest.users.accounts);
}

TEST(SurveyMessages, WhatIsNotUnderstoodIsNoQuestion) {
  Survey of_a_newer_node = survey();
  of_a_newer_node.query.group = static_cast<OnlineQuery::Group>(9);
  EXPECT_FALSE(parse_survey(encode(of_a_newer_node)));
  Survey unnumbered = survey();
  unnumbered.number = 0;
  EXPECT_FALSE(parse_survey(encode(unnumbered)));
  Survey of_no_domain = survey();
  of_no_domain.query.domain.clear();
  EXPECT_FALSE(parse_survey(encode(of_no_domain)));
  // Not for all, when it was for one.
  Survey of_a_room = survey();
  of_a_room.query.account = jid("example.org");
  EXPECT_FALSE(parse_survey(encode(of_a_room)));
  EXPECT_FALSE(parse_survey("\x03"));
  EXPECT_FALSE(parse_survey_announcement("\x03"));
  EXPECT_FALSE(parse_survey_announcement(encode(SurveyAnnouncement{1, {}})));
}

TEST(SurveyMessages, AnAnswerThatMakesNoSenseIsNone) {
  SurveyAnswer more_idle_than_online = answer();
  more_idle_than_online.users.idle = 13;
  EXPECT_FALSE(parse_survey_answer(encode(more_idle_than_online)));
  SurveyAnswer unnumbered = answer();
  unnumbered.number = 0;
  EXPECT_FALSE(parse_survey_answer(encode(unnumbered)));
  EXPECT_FALSE(parse_survey_answer("\x03"));
  std::string address_of_nothing;
  TlvWriter(address_of_nothing).number(1, 7);
  TlvWriter(address_of_nothing).text(10, "192.0.2.7");
  ASSERT_TRUE(parse_survey_answer(address_of_nothing));
  EXPECT_TRUE(parse_survey_answer(address_of_nothing)->users.addresses.empty());
}

TEST(SurveyMessages, ANewerNodesTagsAreSkipped) {
  std::string asked = encode(survey()), answered = encode(answer());
  for (std::string* each : {&asked, &answered}) {
    TlvWriter(*each).text(900, "what we do not know");
    TlvWriter(*each).number(901, 5);
  }
  ASSERT_TRUE(parse_survey(asked) && parse_survey_answer(answered));
  EXPECT_EQ(parse_survey(asked)->query.named, 25u);
  EXPECT_EQ(parse_survey_answer(answered)->reached, 5u);
}

}  // namespace
}  // namespace rookery::server::cluster
