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
