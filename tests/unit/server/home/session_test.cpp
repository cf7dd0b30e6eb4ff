// XEP-0198: counters, resumption, and a queue that lives in the log where it is long.
#include "server/home/session.h"

#include <gmock/gmock.h>

#include "tests/unit/server/home/home_fixture.h"

namespace rookery::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SessionTest : public HomeFixture {
 protected:
  /// `count` messages of two kilobytes, numbered from `first`; returns their bodies.
  std::vector<std::string> send_numbered(int first, int count) {
    std::vector<std::string> bodies;
    for (int n = first; n < first + count; ++n) {
      bodies.push_back(std::to_string(n) + ":" + std::string(2000, 'x'));
      sender.message(romeo, bodies.back());
    }
    let_loops_run();
    return bodies;
  }
  /// Resumes and acknowledges as a client does, until `count` messages have come.
  bool gets_all(Client& client, size_t count) { return client.has_bodies(count); }

  std::string juliet = account_on(0, "juliet"), romeo = account_on(1, "romeo");
  Client sender = bind(juliet, "balcony"), phone = bind(romeo, "phone");
};

TEST_F(SessionTest, CountsEveryKindOfStanzaAndNothingElse) {
  sender.enable();
  sender.send("<presence/>");
  sender.send("<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
  sender.send("<message to='" + romeo + "' type='chat'><body>one</body></message>");
  sender.request_ack();
  EXPECT_TRUE(sender.gets(a(3)));
  sender.acknowledge(0);
  sender.request_ack();
  let_loops_run();
  EXPECT_EQ(sender.last_ack(), a(3));
}

// An edge on another node goes on sending until it hears that the session waits for the log.
TEST_F(SessionTest, WhatWaitsForALookupIsTakenAlthoughTheClientHasClosedItsStream) {
  log->memory_knows = false;
  log->hold_lookups();
  sender.message(romeo, "one", "o1");
  sender.message(romeo, "two", "o2");
  on_loop_of(juliet, [&] { std::exchange(sender.link->session, nullptr)->on_link_lost(true); });
  log->release_lookups();
  phone.go_online();
  EXPECT_TRUE(phone.has_bodies(2));
  let_loops_run();
  EXPECT_EQ(on_loop_of(juliet,
                       [&] { return node->homes().find_loaded(xmpp::Jid::parse(juliet).value())->sessions().size(); }),
            0u);
}

TEST_F(SessionTest, ManagementThatHasWaitedForALookupFindsTheConnectionGone) {
  log->memory_knows = false;
  sender.enable();
  log->hold_lookups();
  sender.message(romeo, "one", "o1");
  sender.send("<enable xmlns='urn:xmpp:sm:3'/>");
  sender.request_ack();
  sender.cut();
  log->release_lookups();
  phone.go_online();
  EXPECT_TRUE(phone.has_bodies(1));
}

TEST_F(SessionTest, WhatWaitsForALookupIsLimited) {
  log->memory_knows = false;
  log->hold_lookups();
  sender.message(romeo, "one", "o1");
  const std::string large(200'000, 'x');
  for (int n = 0; n < 50; ++n) sender.message(romeo, large);
  EXPECT_TRUE(sender.is_closed_with("resource-constraint"));
}

// What was sent before <enable/> is in no count, even when its commit comes after.
TEST_F(SessionTest, DoesNotCountWhatWasSentBeforeItWasEnabled) {
  log->hold();
  sender.message(romeo, "one");
  sender.enable();
  log->release();
  let_loops_run();
  sender.request_ack();
  let_loops_run();
  EXPECT_EQ(sender.last_ack(), a(0));
  sender.message(romeo, "two");
  sender.request_ack();
  EXPECT_TRUE(sender.gets(a(1)));
}

TEST_F(SessionTest, WhatWasDeliveredBeforeItWasEnabledIsNotMixedUpWithWhatCameAfter) {
  phone.go_online();
  let_loops_run();
  on_loop_of(romeo, [&] { phone.link->drains = false; });
  sender.message(romeo, "one");
  ASSERT_TRUE(phone.has_bodies(1));
  phone.enable();
  sender.message(romeo, "two");
  ASSERT_TRUE(phone.has_bodies(2));
  phone.acknowledge(1);
  phone.acknowledge(2);
  EXPECT_TRUE(phone.is_closed_with("handled-count-too-high")) << "one was sent since <enable/>";
}

TEST_F(SessionTest, WrapsItsCountersAt2To32) {
  phone.go_online();
  sender.enable();
  phone.enable();
  on_loop_of(juliet, [&] { SessionCounters::start_at(*sender.link->session, UINT32_MAX - 2); });
  on_loop_of(romeo, [&] { SessionCounters::start_at(*phone.link->session, UINT32_MAX - 2); });
  for (const auto* body : {"one", "two", "three", "four", "five"}) sender.message(romeo, body);
  sender.request_ack();
  EXPECT_TRUE(sender.gets(a(2)));
  ASSERT_TRUE(phone.has_bodies(5));
  phone.acknowledge(UINT32_MAX);
  phone.acknowledge(2);
  phone.acknowledge(3);
  EXPECT_TRUE(phone.is_closed_with("h='3' send-count='2'"));
}

// Commits of several loops end in any order; here the one that wraps comes first.
TEST_F(SessionTest, CountsWhatIsDurableOutOfOrderOverTheWrap) {
  const std::string nurse = account_on(0, "nurse");
  Client other = bind(nurse, "house");
  sender.enable(false);
  on_loop_of(juliet, [&] {
    Session& session = *sender.link->session;
    SessionCounters::start_at(session, UINT32_MAX - 3);
    session.handled(0);
    session.handled(UINT32_MAX);
    session.handled(UINT32_MAX - 2);
  });
  sender.request_ack();
  EXPECT_EQ(sender.last_ack(), a(UINT32_MAX - 2));
  on_loop_of(juliet, [&] { sender.link->session->handled(UINT32_MAX - 1); });
  sender.request_ack();
  EXPECT_EQ(sender.last_ack(), a(0));
}

TEST_F(SessionTest, EndsAStreamThatAcknowledgesMoreThanWasSent) {
  phone.enable();
  phone.go_online();
  sender.message(romeo, "one");
  ASSERT_TRUE(phone.has_bodies(1));
  phone.acknowledge(7);
  EXPECT_TRUE(phone.is_closed_with("h='7' send-count='2'"));
}

TEST_F(SessionTest, EndsAStreamWhoseAcknowledgementIsNoNumber) {
  phone.enable();
  phone.send("<a xmlns='urn:xmpp:sm:3' h='-1'/>");
  EXPECT_TRUE(phone.is_closed_with("handled-count-too-high"));
}

TEST_F(SessionTest, AcknowledgingWhatQueuedUpWithoutALinkIsTooMuch) {
  phone.enable();
  phone.go_online();
  ASSERT_TRUE(phone.gets("<presence"));
  phone.cut();
  sender.message(romeo, "one");
  let_loops_run();
  EXPECT_FALSE(on_loop_of(romeo, [&] {
    Home* home = node->homes().find_loaded(xmpp::Jid::parse(romeo).value());
    return home->find_resumable(phone.sm_id)->is_plausible(2);
  }));
}

// REQ 22
TEST_F(SessionTest, ADetachedClientGetsTwoMegabytesOnceAndInOrderWhenItResumes) {
  phone.enable();
  phone.go_online();
  ASSERT_TRUE(phone.gets("<presence"));
  phone.cut();
  const auto expected = send_numbered(0, 1000);
  phone.resume(1);
  ASSERT_TRUE(phone.has_bodies(1000));
  EXPECT_EQ(phone.bodies(), expected);
  EXPECT_GT(log->finds, 1) << "more than fits into memory came from the log, by pages";
  EXPECT_EQ(phone.count("<stanza-id xmlns='urn:xmpp:sid:0' by='" + romeo + "'"), 1000u);
  phone.acknowledge(1001);
  let_loops_run();
  phone.cut();
  phone.resume(1001);
  let_loops_run();
  EXPECT_THAT(phone.bodies(), IsEmpty()) << "nothing comes twice";
  EXPECT_TRUE(phone.gets("<resumed"));
}

// REQ 22: an edge on another node does not say when a page has left; the client's word is enough. Nor is the client
// asked for what has not been sent.
TEST_F(SessionTest, TheNextPageFollowsTheAcknowledgementOfTheLast) {
  phone.enable();
  phone.go_online();
  ASSERT_TRUE(phone.gets("<presence"));
  phone.cut();
  const auto expected = send_numbered(0, 1000);
  phone.resume(1, false);
  for (size_t asked = 1; phone.bodies().size() < expected.size(); ++asked) {
    ASSERT_LT(asked, 50u);
    ASSERT_TRUE(phone.gets("<r ", asked));
    phone.acknowledge(static_cast<uint32_t>(1 + phone.bodies().size()));
  }
  EXPECT_EQ(phone.bodies(), expected);
}

// REQ 22
TEST_F(SessionTest, LiveMessagesWaitBehindWhatIsReadFromTheLog) {
  phone.enable();
  phone.go_online();
  ASSERT_TRUE(phone.gets("<presence"));
  phone.cut();
  auto expected = send_numbered(0, 400);
  phone.resume(1);
  for (const auto& body : send_numbered(400, 200)) expected.push_back(body);
  ASSERT_TRUE(phone.has_bodies(600));
  EXPECT_EQ(phone.bodies(), expected);
}

// REQ 22
TEST_F(SessionTest, ALinkThatBreaksInTheMiddleOfAResumptionIsResumedAgain) {
  phone.enable();
  phone.go_online();
  ASSERT_TRUE(phone.gets("<presence"));
  phone.cut();
  const auto expected = send_numbered(0, 600);
  phone.resume(1);
  ASSERT_TRUE(phone.has_bodies(100));
  phone.cut();
  auto got = phone.bodies();
  got.resize(100);  // the rest was on its way when the link broke
  phone.resume(101);
  ASSERT_TRUE(phone.has_bodies(500));
  for (const auto& body : phone.bodies()) got.push_back(body);
  EXPECT_EQ(got, expected);
}

// REQ 22
TEST_F(SessionTest, WhatAnotherDeviceHasAcknowledgedAndTheLogHasForgottenIsLeftOutOfTheCount) {
  phone.enable();
  phone.go_online();
  ASSERT_TRUE(phone.gets("<presence"));
  phone.cut();
  auto expected = send_numbered(0, 300);
  const auto entries = log->entries(romeo);
  ASSERT_EQ(entries.size(), 300u);
  log->erase(romeo, entries[250].id);
  expected.erase(expected.begin() + 250);
  phone.resume(1);
  ASSERT_TRUE(phone.has_bodies(299));
  EXPECT_EQ(phone.bodies(), expected);
  phone.acknowledge(300);
  phone.acknowledge(301);
  EXPECT_TRUE(phone.is_closed_with("h='301' send-count='300'"));
}

// REQ 22
TEST_F(SessionTest, ALogThatCannotBeReadEndsTheSessionAndTheInboxHasItAll) {
  phone.enable();
  phone.go_online();
  ASSERT_TRUE(phone.gets("<presence"));
  phone.cut();
  const auto expected = send_numbered(0, 300);
  log->reading_fails = true;
  phone.resume(1);
  EXPECT_TRUE(phone.is_closed_with("internal-server-error"));
  log->reading_fails = false;
  Client again = bind(romeo, "phone");
  again.go_online();
  ASSERT_TRUE(again.has_bodies(300));
  EXPECT_EQ(again.bodies(), expected);
}

// REQ 22
TEST_F(SessionTest, AQueueOfWhatNoLogHasEndsWithTheSession) {
  phone.enable();
  phone.go_online();
  ASSERT_TRUE(phone.gets("<presence"));
  phone.cut();
  sender.message(romeo, "kept");
  const std::string headline =
      "<message type='headline' to='" + romeo + "/phone'><body>" + std::string(200'000, 'x') + "</body></message>";
  for (int i = 0; i < 50; ++i) sender.send(headline);
  let_loops_run();
  EXPECT_TRUE(on_loop_of(romeo, [&] {
    return node->homes().find_loaded(xmpp::Jid::parse(romeo).value())->find_resumable(phone.sm_id) == nullptr;
  }));
  Client again = bind(romeo, "phone");
  again.go_online();
  ASSERT_TRUE(again.has_bodies(1));
  EXPECT_THAT(again.bodies(), ElementsAre("kept"));
}

// XEP-0352 §5.2: a resumed stream is active. XEP-0198 §4: what is held is not sent, and so not counted.
TEST_F(SessionTest, WhatIsHeldForAnInactiveClientIsCountedWhenItIsSent) {
  phone.enable();
  phone.go_online();
  ASSERT_TRUE(phone.gets("<presence"));
  phone.send("<inactive xmlns='urn:xmpp:csi:0'/>");
  const auto state = [&](const char* name) {
    sender.send("<message type='chat' to='" + romeo + "'><" + name +
                " xmlns='http://jabber.org/protocol/chatstates'/></message>");
    let_loops_run();
  };
  state("composing");
  state("paused");
  EXPECT_EQ(phone.count("chatstates"), 0u);
  phone.acknowledge(1);
  phone.cut();
  state("gone");
  phone.resume(1);
  EXPECT_TRUE(phone.gets("<gone"));
  EXPECT_EQ(phone.count("chatstates"), 1u) << "of the three the newest";
  state("active");
  EXPECT_TRUE(phone.gets("<active")) << "nothing waits any more";
  phone.acknowledge(3);
  EXPECT_EQ(phone.link->error(), "");
  phone.acknowledge(4);
  EXPECT_TRUE(phone.is_closed_with("h='4' send-count='3'"));
}

}  // namespace
}  // namespace rookery::server
