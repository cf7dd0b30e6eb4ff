// The queue for another server, where its owner leaves memory while there is still something on its way.
#include "server/s2s/peer.h"

#include <gmock/gmock.h>

#include "server/s2s/federation.h"
#include "tests/unit/server/home/home_fixture.h"

namespace rookery::server::s2s {
namespace {

using testing::HasSubstr;

Config federating() {
  Config config;
  config.s2s_enabled = "on";
  config.s2s.clear();
  config.s2s_tls.clear();
  config.s2s_hosts = {{"montague.example", "127.0.0.1:1"}};  // nobody is there
  return config;
}

class PeerTest : public HomeFixture {
 protected:
  PeerTest() : HomeFixture(federating()) {}

  void drop_peer() {
    on_loop_of(domain, [&] { node->homes().forget(xmpp::Jid::parse(domain).value()); });
  }
  /// The stores of the domain's loop answer nothing until the result is set.
  std::promise<void> stop_stores() {
    std::promise<void> may_go_on;
    auto wait = may_go_on.get_future().share();
    on_loop_of(domain, [&] {
      node->stores().read([wait](storage::Stores&) { return wait.wait(), Status(); }, [](const Status&) {});
    });
    return may_go_on;
  }
  bool waits_for_the_other_server(const std::string& count) {
    for (int i = 0; i < 1000; ++i) {
      if (node->federation().describe().find("waiting=" + count + " ") != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  void write(const std::string& body) { sender.message("romeo@" + domain, body); }

  const std::string domain = "montague.example";
  Client sender = bind(account_on(0, "juliet"), "balcony");
};

// REQ 18
TEST_F(PeerTest, AMessageWhoseCommitOutlivesTheQueueIsConfirmedAndSentByTheNextOne) {
  sender.enable();
  write("the first makes the queue");
  sender.request_ack();
  ASSERT_TRUE(sender.gets(a(1)));
  log->hold();
  write("on its way to the disk");
  let_loops_run();
  drop_peer();
  write("for the next one");
  let_loops_run();
  log->release();
  sender.request_ack();
  EXPECT_TRUE(sender.gets(a(3)));
  EXPECT_EQ(log->entries(domain).size(), 3u);
  EXPECT_TRUE(waits_for_the_other_server("3")) << node->federation().describe();
}

// REQ 18
TEST_F(PeerTest, WhatWaitsForAQueueThatGoesIsTakenByTheNextOne) {
  sender.enable();
  auto may_go_on = stop_stores();
  write("while the queue is read");
  let_loops_run();
  drop_peer();
  let_loops_run();
  may_go_on.set_value();
  sender.request_ack();
  EXPECT_TRUE(sender.gets(a(1))) << "else this session never hears of it, nor of what follows";
  EXPECT_EQ(log->entries(domain).size(), 1u);
}

}  // namespace
}  // namespace rookery::server::s2s
