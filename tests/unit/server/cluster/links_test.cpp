// The home's half of a connection whose edge is on another node.
#include "server/cluster/links.h"

#include "tests/unit/server/cluster/fake_bus.h"
#include "tests/unit/server/home/home_fixture.h"

namespace rookery::server::cluster {
namespace {

class LinksTest : public HomeFixture {
 protected:
  explicit LinksTest(Config config = {}) : HomeFixture(std::move(config)) {
    on_loop_of(romeo, [&] {
      port = std::make_unique<Port>(*node, loop_of(romeo), bus, "test.", "here");
      connections = std::make_unique<Links>(*node, loop_of(romeo), *port, "here");
      ASSERT_TRUE(port->subscribe());
    });
  }
  ~LinksTest() override {
    on_loop_of(romeo, [&] {
      for (Home* home : node->homes().loaded()) {
        for (Session* session : home->sessions()) session->abandon();
      }
    });
    let_loops_run();
    on_loop_of(romeo, [&] {
      connections.reset();
      port.reset();
    });
  }
  std::string attach(uint64_t number) {
    return encode(Attach{.link = {"l.elsewhere.0", number},
                         .account = romeo,
                         .resume = false,
                         .resource = "orchard",
                         .options = {},
                         .previous = {},
                         .handled = 0,
                         .peer_address = "192.0.2.1",
                         .encrypted = true});
  }
  size_t sessions() {
    return on_loop_of(romeo, [&] {
      Home* home = node->homes().find_loaded(xmpp::Jid::parse(romeo).value());
      return home == nullptr ? size_t{0} : home->sessions().size();
    });
  }

  std::string romeo = account_on(1, "romeo");
  FakeBus bus;
  std::unique_ptr<Port> port;
  std::unique_ptr<Links> connections;
};

TEST_F(LinksTest, AConnectionThatIsLostWhileItsHomeIsReadLeavesNoSession) {
  std::promise<void> may_go_on;
  auto wait = may_go_on.get_future().share();
  on_loop_of(romeo, [&] {
    node->stores().read([wait](storage::Stores&) { return wait.wait(), Status(); }, [](const Status&) {});
  });
  bus.deliver(Topic::attach, attach(1));
  bus.deliver(Topic::link_lost, encode(LinkLost{{"l.elsewhere.0", 1}, romeo, false}));
  let_loops_run();
  may_go_on.set_value();
  std::promise<void> read;
  on_loop_of(romeo, [&] {
    node->stores().read([](storage::Stores&) { return Status(); }, [&](const Status&) { read.set_value(); });
  });
  read.get_future().get();
  let_loops_run();
  EXPECT_EQ(sessions(), 0u);

  bus.deliver(Topic::attach, attach(2));
  let_loops_run();
  EXPECT_EQ(sessions(), 1u) << "the next one gets its own";
}

Config with_small_outbox() {
  Config config;
  config.outbox_bytes = 100'000;
  return config;
}

class SlowClient : public LinksTest {
 protected:
  SlowClient() : LinksTest(with_small_outbox()) {
    bus.deliver(Topic::attach, attach(1));
    while (sessions() == 0) let_loops_run();
  }
  /// What the home has to say to the client in one turn.
  void say(size_t stanzas) {
    on_loop_of(romeo, [&] {
      Home* home = node->homes().find_loaded(xmpp::Jid::parse(romeo).value());
      ASSERT_TRUE(home != nullptr && home->sessions().size() == 1);
      for (size_t n = 0; n < stanzas; ++n)
        home->sessions()[0]->send("<message><body>" + std::string(10'000, 'x') + "</body></message>");
    });
    let_loops_run();
  }
  size_t published(Topic topic) {
    return on_loop_of(romeo, [&] {
      return static_cast<size_t>(std::ranges::count(bus.published, topic, &FakeBus::Published::topic));
    });
  }
};

TEST_F(SlowClient, ThatReadsAgainAndAgainIsNotClosed) {
  for (int round = 1; round <= 3; ++round) say(3);
  EXPECT_EQ(published(Topic::link_output), 3u);
  EXPECT_EQ(published(Topic::link_close), 0u);
  EXPECT_EQ(sessions(), 1u);
}

TEST_F(SlowClient, LosesItsConnectionWhereMoreWaitsForItThanMayWait) {
  for (int round = 1; round <= 4; ++round) say(3);  // nobody has acknowledged any of it
  EXPECT_EQ(published(Topic::link_output), 3u);
  EXPECT_EQ(published(Topic::link_close), 1u);
  EXPECT_EQ(sessions(), 0u) << "without XEP-0198 nothing of it stays";
}

}  // namespace
}  // namespace rookery::server::cluster
