#include "server/cluster/wire.h"

#include <gtest/gtest.h>

#include "server/cluster/tlv.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::cluster {
namespace {

Envelope message() {
  Envelope envelope;
  envelope.from = *xmpp::Jid::parse("juliet@example.org/balcony");
  envelope.to = *xmpp::Jid::parse("romeo@example.org");
  envelope.stanza =
      *xmpp::parse_document("<message xmlns='jabber:client' to='romeo@example.org'><body>a &lt; b</body></message>");
  envelope.sent_copy = storage::LogEntry{"juliet@example.org", 77, 5, "romeo@example.org", "<message/>"};
  envelope.seen = storage::LogBatch::Seen{"juliet@example.org", std::string("\0\1\2", 3)};
  envelope.sender_fence = storage::LogBatch::Fence{17, 4};
  envelope.must_log = true;
  return envelope;
}

TEST(Wire, AnEnvelopeComesOutAsItWentIn) {
  const auto envelope = parse_envelope(encode(message()));
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->from.text(), "juliet@example.org/balcony");
  EXPECT_EQ(envelope->stanza->to_xml(xmpp::ns::client), message().stanza->to_xml(xmpp::ns::client));
  EXPECT_EQ(envelope->sent_copy->id, 77u);
  EXPECT_EQ(envelope->sent_copy->xml, "<message/>");
  EXPECT_EQ(envelope->seen->key, message().seen->key);
  EXPECT_EQ(envelope->sender_fence->epoch, 4u);
  EXPECT_TRUE(envelope->must_log);
}

TEST(Wire, AMessageMayBeLongerThanItsSenderWasAllowedOnceItIsEscaped) {
  Envelope envelope = message();
  envelope.stanza->add_text_child("body", std::string(200'000, '>'));
  EXPECT_TRUE(parse_envelope(encode(envelope)));
}

// Epoch 0 is that of a shard which the sender does not own any more: older than every other, so storage refuses it.
TEST(Wire, AFenceOfEpochZeroStaysAFence) {
  Envelope late = message();
  late.sender_fence = storage::LogBatch::Fence{17, 0};
  const auto envelope = parse_envelope(encode(late));
  ASSERT_TRUE(envelope && envelope->sender_fence);
  EXPECT_EQ(envelope->sender_fence->shard, 17u);
  EXPECT_EQ(envelope->sender_fence->epoch, 0u);
}

TEST(Wire, WhatAHomeSaysOfAStayInARoomComesOutAsItWentIn) {
  Envelope into_the_room = message();
  into_the_room.stay = std::make_shared<const Stay>(
      Stay{*xmpp::Jid::parse("coven@chat.example.org/a nick"), "moderator", 0x1234567890abcdef, true});
  const auto envelope = parse_envelope(encode(into_the_room));
  ASSERT_TRUE(envelope && envelope->stay);
  EXPECT_EQ(envelope->stay->occupant.text(), "coven@chat.example.org/a nick");
  EXPECT_EQ(envelope->stay->role, "moderator");
  EXPECT_EQ(envelope->stay->heard, 0x1234567890abcdefu);
  EXPECT_TRUE(envelope->stay->is_report);
  EXPECT_EQ(parse_envelope(encode(message()))->stay, nullptr);
}

TEST(Wire, AStayWithoutANickIsNone) {
  Envelope into_the_room = message();
  into_the_room.stay =
      std::make_shared<const Stay>(Stay{*xmpp::Jid::parse("coven@chat.example.org"), "visitor", 1, false});
  const auto envelope = parse_envelope(encode(into_the_room));
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->stay, nullptr);
}

TEST(Wire, WhoHasAComponentComesOutAsItWentIn) {
  const auto holder = parse_component_holder(
      encode(ComponentHolder{"bridge.example.org", "process", "l.process.1", 1234567890123, true}));
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->domain, "bridge.example.org");
  EXPECT_EQ(holder->process, "process");
  EXPECT_EQ(holder->loop, "l.process.1");
  EXPECT_EQ(holder->since, 1234567890123u);
  EXPECT_TRUE(holder->is_connected);
  EXPECT_FALSE(parse_component_holder(encode(ComponentHolder{"bridge.example.org", "process", "l.process.1", 5, false}))
                   ->is_connected);
  EXPECT_FALSE(parse_component_holder(encode(ComponentHolder{"bridge.example.org", "", "l.process.1", 5, true})));
  EXPECT_FALSE(parse_component_holder("\x03"));
}

TEST(Wire, WhatARoomSaidToOneWhoWasNotThereComesOutAsItWentIn) {
  AbsentMessage said;
  said.member = *xmpp::Jid::parse("juliet@example.org");
  said.message = *xmpp::parse_document(
      "<message xmlns='jabber:client' from='coven@chat.example.org/a nick' "
      "type='groupchat'><body>juliet?</body></message>");
  said.id = 99;
  said.is_public = true;
  const auto absent = parse_absent_message(encode(said));
  ASSERT_TRUE(absent);
  EXPECT_EQ(absent->member.text(), "juliet@example.org");
  EXPECT_EQ(absent->message->to_xml(xmpp::ns::client), said.message->to_xml(xmpp::ns::client));
  EXPECT_EQ(absent->id, 99u);
  EXPECT_TRUE(absent->is_public);
  EXPECT_FALSE(parse_absent_message("\x03"));
}

TEST(Wire, APlaceInARoomComesOutAsItWentIn) {
  Envelope of_the_room = message();
  of_the_room.place = place_asks_for_report;
  EXPECT_EQ(parse_envelope(encode(of_the_room))->place, place_asks_for_report);
  EXPECT_EQ(parse_envelope(encode(message()))->place, 0u);
}

// Nodes of version N and N+1 run side by side during an upgrade.
TEST(Wire, ANewerNodesTagsAreSkippedAndTheRestIsUnderstood) {
  std::string body = encode(message());
  TlvWriter(body).text(900, "what we do not know");
  TlvWriter(body).number(901, 5);
  ASSERT_TRUE(parse_envelope(body));
  std::string packet = encode(Packet{.stream = "p.0", .seq = 3, .base = 2, .topic = 1, .body = body});
  TlvWriter(packet).text(77, "new");
  const auto parsed = parse_packet(packet);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->seq, 3u);
  EXPECT_EQ(parsed->body, body);
}

TEST(Wire, ANewerNodesTopicIsReadAsANumberSoThatItCanBeRefused) {
  const auto parsed = parse_packet(encode(Packet{.stream = "p.0", .seq = 1, .base = 1, .topic = 4711, .body = "?"}));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->topic, 4711u);
}

TEST(Wire, APacketThatNeedsANewerReaderIsRefused) {
  std::string packet = encode(Packet{.stream = "p.0", .seq = 1, .base = 1, .topic = 1, .body = {}});
  TlvWriter(packet).number(1, wire_version + 1);
  EXPECT_FALSE(parse_packet(packet));
}

TEST(Wire, NoPrefixOfAPacketOrOfAnEnvelopeIsTakenForTheWhole) {
  const std::string body = encode(message());
  for (size_t size = 0; size < body.size(); ++size) {
    const auto cut = parse_envelope(std::string_view(body).substr(0, size));
    EXPECT_FALSE(cut && cut->must_log && cut->sender_fence && cut->sender_fence->epoch == 4);
  }
  EXPECT_FALSE(parse_packet(""));
  EXPECT_FALSE(parse_packet("\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"));
}

}  // namespace
}  // namespace rookery::server::cluster
