// The home's half of a connection whose edge is on another node.
#include "server/cluster/links.h"

#include "tests/unit/server/home/home_fixture.h"

namespace rookery::server::cluster {
namespace {

/// Another node is what the test says through it.
class FakeBus final : public Bus {
 public:
  void publish(const std::string& subject, const std::string&, std::string_view data) override {
    const auto packet = parse_packet(data);
    if (packet && packet->kind == Packet::Kind::data) published.emplace_back(subject, packet->topic);
  }
  Result<std::unique_ptr<Subscription>> subscribe(const std::string& subject, Handler handler) override {
    subject_ = subject;
    handler_ = std::move(handler);
    return std::make_unique<Subscription>();
  }
  Status flush() override { return {}; }
  bool is_connected() const override { return true; }

  void deliver(Topic topic, const std::string& body) {
    const std::string data = encode(Packet{.kind = Packet::Kind::data,
                                           .stream = "elsewhere.0",
                                           .seq = ++seq_,
                                           .base = 1,
                                           .topic = static_cast<uint32_t>(topic),
                                           .body = body});
    handler_({.subject = subject_.substr(0, subject_.size() - 1) + "d",
              .reply = "reply",
              .data = data,
              .no_responders = false});
  }
  std::vector<std::pair<std::string, uint32_t>> published;  ///< touched on the loop only

 private:
  std::string subject_;
  Handler handler_;
  uint64_t seq_ = 0;
};

class LinksTest : public HomeFixture {
 protected:
  LinksTest() {
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

}  // namespace
}  // namespace rookery::server::cluster
