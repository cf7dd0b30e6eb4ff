// A loop's door to the other nodes, which are what the test says.
#include "server/cluster/port.h"

#include <gmock/gmock.h>

#include "server/cluster/cluster.h"
#include "tests/unit/server/cluster/fake_bus.h"
#include "tests/unit/server/home/home_fixture.h"

namespace rookery::server::cluster {
namespace {

using ::testing::ElementsAre;

class PortTest : public HomeFixture {
 protected:
  PortTest() {
    bus.longest = 4096;
    on_loop_of(romeo, [&] {
      port = std::make_unique<Port>(*node, loop_of(romeo), bus, "test.", "here");
      ASSERT_TRUE(port->subscribe());
    });
  }
  ~PortTest() override {
    let_loops_run();
    on_loop_of(romeo, [&] { port.reset(); });
  }

  static Envelope message(const std::string& to, const std::string& xml) {
    return {.from = xmpp::Jid::parse("bridge.localhost").value(),
            .to = xmpp::Jid::parse(to).value(),
            .stanza = xmpp::parse_document(xml, {}, xmpp::ns::client).value(),
            .sent_copy = {},
            .seen = {},
            .sender = {}};
  }
  /// The envelope as another node gets it.
  Envelope sent(Envelope envelope) {
    return on_loop_of(romeo, [&] {
      bus.published.clear();
      port->send(7, std::move(envelope));
      auto parsed = parse_envelope(bus.published.at(0).body);
      return std::move(parsed).value();
    });
  }
  void know(uint32_t shard, uint64_t epoch) {
    auto places = std::make_shared<Places>();
    places->shards.assign(shard_count, {.process = "elsewhere", .epoch = 1});
    places->shards[shard].epoch = epoch;
    port->on_places(places);
  }
  /// The numbers of the packets, from 0.
  void deliver(const std::vector<size_t>& numbers) {
    for (const size_t number : numbers) bus.deliver_packet(packets.at(number));
    let_loops_run();
  }
  /// Packets with a body that is too long for one of them.
  void make_parts() {
    on_loop_of(romeo, [&] {
      port->on(Topic::command, [this](const Incoming& incoming) {
        received.push_back(incoming.body);
        std::exchange(refuses, false) ? port->refused(incoming.ref) : port->taken(incoming.ref);
      });
      port->send_to_loop("l.there.0", Topic::command, body);
      for (const auto& published : bus.published) packets.push_back(published.packet);
    });
  }

  std::string romeo = account_on(1, "romeo");
  FakeBus bus;
  std::unique_ptr<Port> port;
  const std::string body = std::string(3000, 'a') + std::string(3000, 'b') + std::string(3000, 'c');
  std::vector<std::string> packets, received;
  bool refuses = false;
};

TEST_F(PortTest, KeepsTheRightByWhichAMessageIsWrittenAndWithdrawsItWhenTheShardHasANewOwner) {
  Envelope envelope = message(romeo, "<message type='chat'><body>one</body></message>");
  envelope.sender_fence = storage::Fence{.shard = 11, .epoch = 3};
  envelope.seen = storage::LogBatch::Seen{"juliet@localhost", "0123456789abcdef"};
  const Envelope arrived = sent(std::move(envelope));
  EXPECT_EQ(arrived.sender_fence, (storage::Fence{.shard = 11, .epoch = 3}));
  const auto sent_again = [&] {
    return on_loop_of(romeo, [&] {
      bus.published.clear();
      port->shards_moved();
      return bus.published.at(0).topic;
    });
  };
  on_loop_of(romeo, [&] { know(11, 3); });
  EXPECT_EQ(sent_again(), Topic::envelope);
  on_loop_of(romeo, [&] { know(11, 4); });
  EXPECT_EQ(sent_again(), Topic::nothing);
}

// REQ 20: whoever owns the receiver next must recognise it.
TEST_F(PortTest, NamesWhatTheReceiverMayWriteAndNothingElse) {
  const auto named = [&](const std::string& to, const std::string& xml) {
    const Envelope arrived = sent(message(to, xml));
    return arrived.seen ? arrived.seen->owner : std::string();
  };
  const std::string words = "<body>one</body></message>";
  EXPECT_EQ(named(romeo + "/orchard", "<message type='chat'>" + words), romeo);
  EXPECT_EQ(named("coven@conference.localhost", "<message type='groupchat'>" + words), "coven@conference.localhost");
  EXPECT_EQ(named("juliet@example.org", "<message type='groupchat'>" + words), "example.org");
  EXPECT_EQ(named(romeo + "/orchard", "<message type='groupchat'>" + words), "") << "an account keeps none of that";
  EXPECT_EQ(named(romeo, "<message><composing xmlns='http://jabber.org/protocol/chatstates'/></message>"), "");
}

TEST_F(PortTest, WhatIsTooLongForTheBusArrivesInPartsAsOne) {
  make_parts();
  ASSERT_EQ(packets.size(), 3u);
  for (const auto& packet : packets) EXPECT_LE(packet.size(), bus.longest);
  deliver({0, 2, 1});  // the bus has lost one: the last comes again
  EXPECT_THAT(received, ElementsAre());
  deliver({0, 1, 2});
  EXPECT_THAT(received, ElementsAre(body));
  deliver({0, 1, 2});
  EXPECT_EQ(received.size(), 1u);
}

TEST_F(PortTest, WhatWasRefusedInPartsComesAgainAsAWhole) {
  make_parts();
  refuses = true;
  deliver({0, 1, 2});
  deliver({0, 2});
  EXPECT_THAT(received, ElementsAre(body)) << "only what was refused";
  deliver({0, 1, 2});
  EXPECT_THAT(received, ElementsAre(body, body));
  deliver({0, 1, 2});
  EXPECT_EQ(received.size(), 2u);
}

TEST_F(PortTest, WhatIsWithdrawnBetweenItsPartsHoldsNothingUp) {
  make_parts();
  const auto as_nothing = [](const std::string& data) {
    Packet packet = parse_packet(data).value();
    packet.topic = static_cast<uint32_t>(Topic::nothing);
    packet.parts = 0;
    packet.body = {};
    return encode(packet);
  };
  deliver({0});
  for (const size_t number : {1u, 2u}) packets[number] = as_nothing(packets[number]);
  std::string next = encode(Packet{.stream = "here." + std::to_string(loop_of(romeo).index()),
                                   .seq = 4,
                                   .base = 1,
                                   .topic = static_cast<uint32_t>(Topic::command),
                                   .body = "next"});
  packets.push_back(next);
  deliver({1, 2, 3});
  EXPECT_THAT(received, ElementsAre("next"));
  EXPECT_TRUE(bus.acknowledges(4)) << "all of them";
}

}  // namespace
}  // namespace rookery::server::cluster
