#include <gmock/gmock.h>

#include "tests/unit/server/home/home_fixture.h"

namespace rookery::server {
namespace {

class Inbox : public HomeFixture {
 protected:
  std::vector<std::string> leave_messages(int count) {
    std::vector<std::string> bodies;
    for (int n = 1; n <= count; ++n) {
      bodies.push_back("number " + std::to_string(n));
      log->put({romeo, static_cast<storage::LogId>(n), storage::LogEntry::archived | storage::LogEntry::inbox,
                "juliet@localhost/x",
                "<message from='juliet@localhost/x' to='" + romeo + "' type='chat'><body>" + bodies.back() +
                    "</body></message>"});
    }
    return bodies;
  }
  void acknowledge_all(Client& client) {
    const auto received = client.link->received();
    client.acknowledge(static_cast<uint32_t>(std::ranges::count_if(received, [](const auto& xml) {
      return xml.starts_with("<message") || xml.starts_with("<presence") || xml.starts_with("<iq");
    })));
  }
  /// Acknowledges page after page until `count` bodies have come.
  void read_until(Client& client, size_t count) {
    for (size_t had = client.bodies().size(); had < count; had = client.bodies().size()) {
      acknowledge_all(client);
      ASSERT_TRUE(client.has_bodies(had + 1)) << had;
      let_loops_run();
    }
  }
  std::string romeo = account_on(1, "romeo");
};

// Fifty large messages at once would end the connection of a client without XEP-0198, and each one after it.
TEST_F(Inbox, GivesNoMoreAtOnceThanFitsIntoAnOutbox) {
  for (int n = 1; n <= 14; ++n) {
    log->put({romeo, static_cast<storage::LogId>(n), storage::LogEntry::archived | storage::LogEntry::inbox,
              "juliet@localhost/x",
              "<message from='juliet@localhost/x' to='" + romeo + "' type='chat'><body>" + std::string(200'000, 'x') +
                  "</body></message>"});
  }
  Client phone = bind(romeo, "phone");
  phone.link->drains = false;
  phone.go_online();
  for (const size_t count : {6u, 12u, 14u}) {
    ASSERT_TRUE(phone.has_bodies(count));
    let_loops_run();
    EXPECT_EQ(phone.bodies().size(), count);
    on_loop_of(romeo, [&] { phone.link->session->on_drained(); });
  }
}

// REQ 19
TEST_F(Inbox, AsksAgainForWhatWasSentBehindTheLastRequestAndFinishesTheCatchUp) {
  const auto expected = leave_messages(120);
  Client phone = bind(romeo, "phone");
  phone.enable();
  phone.go_online();
  ASSERT_TRUE(phone.has_bodies(50));
  EXPECT_EQ(phone.count("<r "), 1u);
  phone.acknowledge(12);  // a partial one: the client had handled no more when <r/> came
  ASSERT_TRUE(phone.link->wait_for([&](const auto& received, const auto&) {
    return std::ranges::count(received, "<r xmlns='urn:xmpp:sm:3'/>") >= 2;
  })) << "nobody asks for the rest, and the catch-up would stand still";
  const auto handled = [&] { return static_cast<uint32_t>(phone.bodies().size()) + 1; };
  phone.acknowledge(handled());
  ASSERT_TRUE(phone.has_bodies(100));
  phone.acknowledge(handled());
  ASSERT_TRUE(phone.has_bodies(120));
  EXPECT_EQ(phone.bodies(), expected);
}

// REQ 19
TEST_F(Inbox, KeepsWhatWasSentUntilItIsAcknowledged) {
  const auto expected = leave_messages(20);
  Client phone = bind(romeo, "phone");
  phone.enable(false);
  phone.go_online();
  ASSERT_TRUE(phone.has_bodies(20));
  phone.acknowledge(6);  // its presence and five messages
  phone.cut();
  Client tablet = bind(romeo, "tablet");
  tablet.go_online();
  ASSERT_TRUE(tablet.has_bodies(15));
  EXPECT_EQ(tablet.bodies(), std::vector<std::string>(expected.begin() + 5, expected.end()));
}

// REQ 19 and 25
TEST_F(Inbox, WhatASessionReadFromTheLogDoesNotComeOnceMoreWhenItsCommitIsReported) {
  Client juliet = bind(account_on(0, "juliet"), "balcony");
  Client phone = bind(romeo, "phone");
  phone.go_online();
  log->hold();
  juliet.message(romeo, "once");
  log->write_held();
  Client tablet = bind(romeo, "tablet");
  tablet.go_online();
  ASSERT_TRUE(tablet.has_bodies(1));
  log->release();
  ASSERT_TRUE(phone.has_bodies(1));
  on_loop_of(romeo, [] {});
  EXPECT_THAT(tablet.bodies(), ::testing::ElementsAre("once"));
}

/// One session reads a long inbox, a page for each acknowledgement, while another one is there and takes part.
class TwoSessions : public Inbox {
 protected:
  void begin() {
    phone.enable();
    phone.go_online();
    ASSERT_TRUE(phone.has_bodies(50));
    tablet.enable();
    tablet.go_online();
    read_until(tablet, 70);  // what the phone has not got yet
    acknowledge_all(tablet);
  }
  void flush_cursor() {
    on_loop_of(romeo, [&] { node->homes().find_loaded(xmpp::Jid::parse(romeo).value())->flush_cursor(); });
    let_loops_run();
  }
  std::vector<std::string> live(Client& client) {
    auto bodies = client.bodies();
    std::erase_if(bodies, [](const auto& body) { return body.starts_with("number "); });
    return bodies;
  }
  const std::vector<std::string> left = leave_messages(120);
  Client juliet = bind(account_on(0, "juliet"), "balcony");
  Client phone = bind(romeo, "phone"), tablet = bind(romeo, "tablet");
};

// REQ 19, RFC 6121 §8.5.2.1.1: both are there, so both get it, the one that is behind in its turn.
TEST_F(TwoSessions, TheOneThatCatchesUpGetsWhatTheOtherHasHadMeanwhile) {
  begin();
  for (const auto* body : {"one", "two", "three"}) juliet.message(romeo, body);
  ASSERT_TRUE(tablet.gets("<body>three"));
  acknowledge_all(tablet);
  let_loops_run();
  flush_cursor();
  EXPECT_THAT(live(phone), ::testing::IsEmpty());
  acknowledge_all(phone);
  EXPECT_TRUE(phone.gets("<body>three"));
  juliet.message(romeo, "four");
  EXPECT_TRUE(tablet.gets("<body>four"));
  EXPECT_TRUE(phone.gets("<body>four"));
  EXPECT_THAT(live(phone), ::testing::ElementsAre("one", "two", "three", "four"));
  EXPECT_THAT(live(tablet), ::testing::ElementsAre("one", "two", "three", "four"));
}

// XEP-0334 §4.1: in no archive, and the log forgets what the account has acknowledged.
TEST_F(TwoSessions, TheOneThatCatchesUpGetsWhatIsKeptForNobodyElse) {
  begin();
  juliet.enable();  // so it is in the log all the same
  juliet.send("<message type='chat' to='" + romeo +
              "'><body>secret</body><no-permanent-store xmlns='urn:xmpp:hints'/></message>");
  ASSERT_TRUE(tablet.gets("<body>secret"));
  acknowledge_all(tablet);
  let_loops_run();
  flush_cursor();
  acknowledge_all(phone);
  EXPECT_TRUE(phone.gets("<body>secret"));
  acknowledge_all(phone);
  let_loops_run();
  flush_cursor();
  EXPECT_EQ(log->entries(romeo).size(), left.size()) << "nobody is owed it any more";
}

TEST_F(TwoSessions, WhatIsForTheOneThatCatchesUpGoesToNoOther) {
  begin();
  juliet.message(romeo + "/phone", "for the phone");
  let_loops_run();
  Client laptop = bind(romeo, "laptop");
  laptop.go_online();
  ASSERT_TRUE(laptop.gets("<presence"));
  while (on_loop_of(romeo, [&] { return laptop.link->session->catching_up; })) let_loops_run();
  acknowledge_all(phone);
  EXPECT_TRUE(phone.gets("<body>for the phone"));
  let_loops_run();
  EXPECT_THAT(live(laptop), ::testing::IsEmpty());
  EXPECT_THAT(live(phone), ::testing::ElementsAre("for the phone"));
}

// More than is remembered one by one.
TEST_F(TwoSessions, TheOneThatCatchesUpGetsThousands) {
  begin();
  std::vector<std::string> expected;
  for (int n = 0; n < 1'200; ++n) {
    expected.push_back("live " + std::to_string(n));
    juliet.message(romeo, expected.back());
    if (n % 100 == 99) juliet.message(romeo + "/tablet", "for the tablet");
  }
  let_loops_run();
  ASSERT_TRUE(tablet.gets("<body>live 1199"));
  read_until(phone, 1'250);
  EXPECT_EQ(live(phone), expected);
}

// REQ 19
TEST_F(Inbox, WhatASessionLeavesBehindComesToTheOneThatIsStillCatchingUp) {
  const auto expected = leave_messages(120);
  Client tablet = bind(romeo, "tablet"), phone = bind(romeo, "phone");
  tablet.enable(false);
  tablet.go_online();
  ASSERT_TRUE(tablet.has_bodies(50));
  phone.enable();
  phone.go_online();
  ASSERT_TRUE(phone.has_bodies(50));  // behind those of the tablet
  tablet.cut();
  read_until(phone, expected.size());
  EXPECT_THAT(phone.bodies(), ::testing::UnorderedElementsAreArray(expected));
}

Config keeping_thirty_days() {
  Config config;
  config.archive_keep = std::chrono::days(30);
  return config;
}

class InboxOfAShortArchive : public HomeFixture {
 protected:
  InboxOfAShortArchive() : HomeFixture(keeping_thirty_days()) {}
};

// REQ 19
TEST_F(InboxOfAShortArchive, BringsWhatWaitsAndTheArchiveDoesNotShowAnyMore) {
  const std::string romeo = account_on(1, "romeo");
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()).time_since_epoch();
  const auto days_ago = [&](int days) { return static_cast<storage::LogId>((now - std::chrono::days(days)).count()); };
  for (const int days : {31, 1}) {
    log->put(
        {romeo, days_ago(days), storage::LogEntry::archived | storage::LogEntry::inbox, "juliet@localhost/x",
         "<message from='juliet@localhost/x' to='" + romeo + "'><body>" + std::to_string(days) + "</body></message>"});
  }
  Client phone = bind(romeo, "phone");
  on_loop_of(romeo, [&] { phone.link->session->archive_known_to = days_ago(0); });  // XEP-0386: it asks the archive
  phone.go_online();
  ASSERT_TRUE(phone.has_bodies(1));
  let_loops_run();
  EXPECT_THAT(phone.bodies(), ::testing::ElementsAre("31"));
}

}  // namespace
}  // namespace rookery::server
