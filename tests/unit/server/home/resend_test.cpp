// REQUIREMENTS 18-20: what is promised, and when, where commits take their time.
#include <gmock/gmock.h>

#include "tests/unit/server/home/home_fixture.h"

namespace rookery::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Resend : public HomeFixture {
 protected:
  std::string juliet = account_on(0, "juliet"), romeo = account_on(1, "romeo");
  Client sender = bind(juliet, "balcony"), receiver = bind(romeo, "orchard");
};

// REQ 18
TEST_F(Resend, NothingIsAcknowledgedOrDeliveredBeforeItIsDurable) {
  receiver.go_online();
  sender.enable();
  log->hold();
  sender.message(romeo, "one");
  sender.request_ack();
  let_loops_run();
  EXPECT_EQ(sender.last_ack(), a(0)) << "<r/> is answered at once, with what is durable";
  EXPECT_THAT(receiver.bodies(), IsEmpty());
  log->release();
  EXPECT_TRUE(sender.gets(a(1))) << "another <a/> follows the commit";
  EXPECT_TRUE(receiver.has_bodies(1));
}

// REQ 18, REQ 20
TEST_F(Resend, ADuplicateOfWhatAnotherLoopHasNotWrittenYetIsNotAcknowledgedEarly) {
  receiver.go_online();
  sender.enable();
  log->hold();
  sender.message(romeo, "one", "o1");
  let_loops_run();
  sender.message(romeo, "one", "o1");
  sender.request_ack();
  let_loops_run();
  EXPECT_EQ(sender.last_ack(), a(0));
  log->release();
  EXPECT_TRUE(sender.gets(a(2)));
  let_loops_run();
  EXPECT_THAT(receiver.bodies(), ElementsAre("one"));
  EXPECT_EQ(log->entries(romeo).size(), 1u);
}

// REQ 18, REQ 20
TEST_F(Resend, ADuplicateThatANewSessionSendsWaitsForTheFirstOneToo) {
  receiver.go_online();
  sender.enable(false);
  log->hold();
  sender.message(romeo, "one", "o1");
  let_loops_run();
  sender.cut();
  Client again = bind(juliet, "balcony");
  again.enable();
  again.message(romeo, "one", "o1");
  again.request_ack();
  let_loops_run();
  EXPECT_EQ(again.last_ack(), a(0));
  log->release();
  EXPECT_TRUE(again.gets(a(1)));
  let_loops_run();
  EXPECT_THAT(receiver.bodies(), ElementsAre("one"));
}

// REQ 20
TEST_F(Resend, WhatIsStoredAlreadyIsAcknowledgedAndNotStoredAgain) {
  receiver.go_online();
  sender.enable();
  sender.message(romeo, "one", "o1");
  ASSERT_TRUE(receiver.has_bodies(1));
  sender.message(romeo, "one", "o1");
  sender.message(romeo, "one", "o2");
  sender.request_ack();
  EXPECT_TRUE(sender.gets(a(3)));
  ASSERT_TRUE(receiver.has_bodies(2));
  EXPECT_EQ(log->entries(romeo).size(), 2u) << "another origin-id is another message";
}

// REQ 20
TEST_F(Resend, ALookUpOnTheDiskHoldsTheSessionUpAndKeepsItsOrder) {
  receiver.go_online();
  sender.enable();
  log->memory_knows = false;
  log->hold_lookups();
  sender.message(romeo, "one", "o1");
  sender.message(romeo, "two");
  sender.request_ack();
  let_loops_run();
  EXPECT_THAT(receiver.bodies(), IsEmpty());
  EXPECT_FALSE(on_loop_of(juliet, [&] { return sender.link->session->accepts_input(); }));
  log->release_lookups();
  ASSERT_TRUE(receiver.has_bodies(2));
  EXPECT_THAT(receiver.bodies(), ElementsAre("one", "two"));
  EXPECT_TRUE(sender.gets(a(2)));
  sender.message(romeo, "one", "o1");
  sender.request_ack();
  EXPECT_TRUE(sender.gets(a(3)));
  EXPECT_EQ(log->entries(romeo).size(), 2u);
}

// REQ 20
TEST_F(Resend, TwoSessionsThatSendTheSameWhileItIsLookedUpStoreItOnce) {
  receiver.go_online();
  sender.enable();
  log->memory_knows = false;
  log->hold_lookups();
  sender.message(romeo, "one", "o1");
  sender.cut();
  Client again = bind(juliet, "garden");
  again.enable();
  again.message(romeo, "one", "o1");
  again.request_ack();
  let_loops_run();
  EXPECT_EQ(again.last_ack(), a(0));
  log->release_lookups();
  EXPECT_TRUE(again.gets(a(1)));
  ASSERT_TRUE(receiver.has_bodies(1));
  let_loops_run();
  EXPECT_EQ(log->entries(romeo).size(), 1u);
}

// REQ 20
TEST_F(Resend, ALogThatCannotAnswerEndsTheSessionAndStoresNothing) {
  receiver.go_online();
  sender.enable();
  log->memory_knows = false;
  log->reading_fails = true;
  sender.message(romeo, "one", "o1");
  EXPECT_TRUE(sender.is_closed_with("internal-server-error"));
  EXPECT_EQ(sender.last_ack(), "");
  log->reading_fails = false;
  Client again = bind(juliet, "balcony");
  again.enable();
  again.message(romeo, "one", "o1");
  again.request_ack();
  EXPECT_TRUE(again.gets(a(1)));
  ASSERT_TRUE(receiver.has_bodies(1));
  EXPECT_EQ(log->entries(romeo).size(), 1u);
}

// REQ 21
TEST_F(Resend, NoElementIsTakenWhileTheLogIsUnhealthy) {
  log->healthy_now = false;
  EXPECT_FALSE(on_loop_of(juliet, [&] { return sender.link->session->accepts_input(); }));
  log->healthy_now = true;
  EXPECT_TRUE(on_loop_of(juliet, [&] { return sender.link->session->accepts_input(); }));
}

}  // namespace
}  // namespace rookery::server
