// What becomes of a home that leaves memory while there is still something on its way.
#include <gmock/gmock.h>

#include "server/accounts.h"
#include "server/home/attach.h"
#include "tests/unit/server/home/home_fixture.h"

namespace rookery::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Ownership : public HomeFixture {
 protected:
  Homes& homes_of(const std::string& account) { return node->homes(loop_of(account)); }
  Home* loaded(const std::string& account) {
    return on_loop_of(account, [&] { return homes_of(account).find_loaded(xmpp::Jid::parse(account).value()); });
  }
  void remove_account(const std::string& account) {
    const auto jid = xmpp::Jid::parse(account).value();
    on_stores([jid](storage::Stores& stores) { return stores.accounts().remove(jid); });
    on_loop_of(account, [&] { homes_of(account).forget(jid); });
  }

  /// As if a deletion had been cut off when the account was gone and the log was not, and somebody took the name.
  void leave_log_to_a_new(const std::string& account) {
    log->put({account, 1, storage::LogEntry::archived | storage::LogEntry::inbox, "juliet@localhost/x",
              "<message from='juliet@localhost/x' type='chat'><body>for the one before</body></message>"});
    on_stores([&](storage::Stores& stores) {
      return stores.values().put(xmpp::Jid::parse(account).value(), new_log_kind, "", "1");
    });
  }
  template <typename Work>
  void on_stores(Work work) {
    std::promise<Status> promise;
    node->stores().run(std::move(work), [&](Status done) { promise.set_value(std::move(done)); });
    ASSERT_TRUE(promise.get_future().get());
  }

  std::string juliet = account_on(0, "juliet"), romeo = account_on(1, "romeo");
};

// Nothing of the one before is for whoever gets the name.
TEST_F(Ownership, ANewAccountFindsNothingInItsLogAndLosesNothingAfterwards) {
  leave_log_to_a_new(romeo);
  Client sender = bind(juliet, "balcony");
  sender.message(romeo, "for the new one");
  Client receiver = bind(romeo, "orchard");
  receiver.go_online();
  ASSERT_TRUE(receiver.gets("<body>for the new one"));
  EXPECT_THAT(receiver.bodies(), ElementsAre("for the new one"));
  on_loop_of(romeo, [&] { homes_of(romeo).crash(); });
  Client again = bind(romeo, "orchard");
  again.go_online();
  sender.message(romeo, "later");
  ASSERT_TRUE(again.gets("<body>later"));
  EXPECT_EQ(log->entries(romeo).size(), 2u);
}

// REQ 21
TEST_F(Ownership, AnOldLogIsEmptiedWhenTheDiskWorksAgain) {
  leave_log_to_a_new(romeo);
  log->fences = true;
  std::promise<bool> there;
  on_loop_of(romeo, [&] {
    homes_of(romeo).with_home(xmpp::Jid::parse(romeo).value(),
                              [&](Home* home) { there.set_value(home != nullptr && log->entries(romeo).empty()); });
  });
  auto answer = there.get_future();
  log->refused.wait(0);
  EXPECT_EQ(answer.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  log->fences = false;
  EXPECT_TRUE(answer.get());
}

// REQ 19
TEST_F(Ownership, AHomeIsNotLoadedAgainBeforeTheLogHasEverythingOfTheOneThatWasDropped) {
  Client sender = bind(juliet, "balcony"), receiver = bind(romeo, "orchard");
  sender.enable();
  log->hold();
  sender.message(romeo, "one");
  let_loops_run();
  on_loop_of(romeo, [&] { homes_of(romeo).crash(); });
  EXPECT_TRUE(receiver.is_closed_with("reset"));

  std::promise<void> bound;
  FakeLink& link = links.emplace_back(loop_of(romeo));
  on_loop_of(romeo, [&] {
    homes_of(romeo).with_home(xmpp::Jid::parse(romeo).value(), [&](Home* home) {
      link.session = &home->bind("orchard", link);
      bound.set_value();
    });
  });
  auto is_bound = bound.get_future();
  // Storage is asked in the order of asking: once this has been answered, the home would have been read.
  std::promise<void> read;
  on_loop_of(romeo, [&] {
    node->stores().read([](storage::Stores&) { return Status(); }, [&](const Status&) { read.set_value(); });
  });
  read.get_future().get();
  let_loops_run();
  EXPECT_EQ(is_bound.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  log->release();
  is_bound.get();
  Client again{*this, romeo, "orchard", &link};
  again.go_online();
  EXPECT_TRUE(again.has_bodies(1)) << "it is in the log, and its sender will hear so when it sends it again";
}

TEST_F(Ownership, OfAnAccountThatWasDeletedNothingIsLeftForItsSuccessor) {
  Client before = bind(romeo, "orchard");
  before.go_online();
  before.send(
      "<iq type='set' id='r1'><query xmlns='jabber:iq:roster'><item jid='mercutio@localhost' name='a "
      "friend'/></query></iq>");
  EXPECT_TRUE(before.gets("id='r1'"));
  remove_account(romeo);
  EXPECT_TRUE(before.is_closed_with("not-authorized"));
  EXPECT_EQ(loaded(romeo), nullptr);

  add_account(romeo);
  Client after = bind(romeo, "orchard");
  after.send("<iq type='get' id='r2'><query xmlns='jabber:iq:roster'/></iq>");
  EXPECT_TRUE(after.gets("id='r2'"));
  EXPECT_EQ(after.count("mercutio"), 0u);
}

// XEP-0386: whoever binds while a message is being written waits for it.
TEST_F(Ownership, ALoginThatWaitsForACommitHearsThatTheHomeHasGone) {
  Client sender = bind(juliet, "balcony"), receiver = bind(romeo, "orchard");
  log->hold();
  sender.message(romeo, "on its way to the disk");
  let_loops_run();
  std::promise<BindOutcome> answered;
  on_loop_of(romeo, [&] {
    bind_here(homes_of(romeo), xmpp::Jid::parse(romeo).value(),
              {.resource = "garden", .options = "<bind xmlns='urn:xmpp:bind:0'/>"}, *receiver.link,
              [&](BindOutcome outcome) { answered.set_value(std::move(outcome)); });
  });
  let_loops_run();
  auto outcome = answered.get_future();
  ASSERT_EQ(outcome.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  on_loop_of(romeo, [&] { homes_of(romeo).crash(); });
  ASSERT_EQ(outcome.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_TRUE(outcome.get().moved);
}

TEST_F(Ownership, AJobThatFailsTakesNoneOfThoseBehindItWithIt) {
  Client sender = bind(juliet, "balcony"), receiver = bind(romeo, "orchard");
  log->hold();
  sender.message(romeo, "on its way to the disk");
  let_loops_run();
  std::promise<void> second, third;
  on_loop_of(romeo, [&] {
    Home& home = *homes_of(romeo).find_loaded(xmpp::Jid::parse(romeo).value());
    home.when_committed([] { throw std::runtime_error("a bug"); });
    home.when_committed([&] { second.set_value(); });
    home.put_contact({.jid = xmpp::Jid::parse(juliet).value()},
                     [](const Status&) { throw std::runtime_error("a bug"); });
    home.when_roster_stored([] { throw std::runtime_error("a bug"); });
    home.when_roster_stored([&] { third.set_value(); });
  });
  log->release();
  EXPECT_EQ(second.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_EQ(third.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

TEST_F(Ownership, AHomeStaysWhileTheDiskHasNotTakenWhatItHasRefused) {
  Client sender = bind(juliet, "balcony");
  {
    Client receiver = bind(romeo, "orchard");
    receiver.send("<iq type='set' id='b1'><block xmlns='urn:xmpp:blocking'><item jid='" + juliet + "'/></block></iq>");
    ASSERT_TRUE(receiver.gets("id='b1'"));
    receiver.cut();
  }
  const auto is_idle = [&] { return on_loop_of(romeo, [&, home = loaded(romeo)] { return home->is_idle(); }); };
  ASSERT_TRUE(is_idle());
  log->hold();
  sender.message(romeo, "let me in");
  let_loops_run();
  EXPECT_FALSE(is_idle());
  log->release();
  EXPECT_TRUE(sender.gets("type='error'"));
  EXPECT_TRUE(is_idle());
}

// RFC 6121 §8.5.1
TEST_F(Ownership, WhoWritesToAnAccountThatWasDeletedHearsThatThereIsNobody) {
  Client sender = bind(juliet, "balcony");
  Client gone = bind(romeo, "orchard");
  remove_account(romeo);
  sender.message(romeo, "too late");
  EXPECT_TRUE(sender.gets("service-unavailable"));
  EXPECT_THAT(log->entries(romeo), IsEmpty());
}

// The last word of a session is written for nobody: it would be there for the next one of that name.
TEST_F(Ownership, ADeletedAccountLeavesNoLastActivity) {
  Client before = bind(romeo, "orchard");
  before.go_online();
  remove_account(romeo);
  std::promise<Result<std::optional<std::string>>> promise;
  const auto jid = xmpp::Jid::parse(romeo).value();
  node->stores().read([jid](storage::Stores& stores) { return stores.values().get(jid, "last", ""); },
                      [&](Result<std::optional<std::string>> found) { promise.set_value(std::move(found)); });
  const auto found = promise.get_future().get();
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, std::nullopt);
}

// What is read for a home, room or queue may come in the turn in which its shard goes.
TEST_F(Ownership, WhatTheTurnOfAHandOverStillAddsIsWrittenWithTheEpochThatGoes) {
  const uint32_t shard = shard_of(romeo);
  on_loop_of(romeo, [&] {
    homes_of(romeo).join_cluster();
    homes_of(romeo).adopt(shard, 5);
  });
  log->hold();
  std::promise<void> handed_over, may_go_on;
  on_loop_of(romeo, [&] { homes_of(romeo).hand_over({shard}, [&] { handed_over.set_value(); }); });
  let_loops_run();
  loop_of(romeo).post([wait = may_go_on.get_future().share()] { wait.wait(); });
  loop_of(romeo).post([&] {
    homes_of(romeo).batch().entries.push_back({romeo, 1, storage::LogEntry::inbox, "juliet@localhost", "<message/>"});
  });
  log->release();
  may_go_on.set_value();
  handed_over.get_future().get();
  EXPECT_EQ(log->entries(romeo).size(), 1u) << "before anybody else reads";
  EXPECT_THAT(log->fences_of(romeo), ElementsAre(storage::Fence{.shard = shard, .epoch = 5}));
}

TEST_F(Ownership, AHomeWaitsForNothingOfASenderThatWasFencedAlsoWhereItHadNothingToKeep) {
  bind(romeo, "orchard");
  log->fences = true;
  on_loop_of(romeo, [&] {
    auto stanza = xmpp::parse_document("<message type='headline'><body>gone</body></message>", {}, xmpp::ns::client);
    Envelope envelope{.from = xmpp::Jid::parse("mercutio@localhost/street").value(),
                      .to = xmpp::Jid::parse(romeo).value(),
                      .stanza = std::move(stanza).value(),
                      .sent_copy = {},
                      .seen = storage::LogBatch::Seen{"mercutio@localhost", "0123456789abcdef"},
                      .sender = {}};
    envelope.sender.packet = std::make_shared<cluster::PacketRef>();
    envelope.sender_fence = storage::Fence{.shard = shard_of("mercutio@localhost"), .epoch = 1};
    homes_of(romeo).receive(std::move(envelope));
  });
  let_loops_run();
  log->fences = false;
  EXPECT_EQ(loaded(romeo), nullptr) << "it is loaded anew, and not kept waiting for a commit that never comes";
}

}  // namespace
}  // namespace rookery::server
