#include "client/core/origin_gate.h"

#include <gtest/gtest.h>

#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::client {
namespace {

struct OriginGateTest : testing::Test {
  OriginGate gate{*xmpp::Jid::parse("romeo@example.org/orchard")};
  xmpp::ElementPtr stanza;

  template <typename T>
  bool is(std::string_view xml) {
    auto parsed = xmpp::parse_document(xml, {}, xmpp::ns::client);
    EXPECT_TRUE(parsed) << xml;
    stanza = std::move(*parsed);
    last = gate.check(*stanza);
    return std::holds_alternative<T>(last);
  }
  origin::Checked last = origin::Refused{""};
};

std::string carbon(std::string_view outer_from, std::string_view direction, std::string_view from,
                   std::string_view to) {
  std::string xml = "<message";
  if (!outer_from.empty()) xml += " from='" + std::string(outer_from) + "'";
  return xml + "><" + std::string(direction) + " xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>" +
         "<message xmlns='jabber:client' type='chat' from='" + std::string(from) + "' to='" + std::string(to) +
         "'><body>x</body></message></forwarded></" + std::string(direction) + "></message>";
}

// REQ 30
TEST_F(OriginGateTest, TakesCarbonsFromTheOwnBareAddressOnly) {
  EXPECT_TRUE(is<origin::Carbon>(carbon("romeo@example.org", "received", "juliet@example.org/b", "romeo@example.org")));
  EXPECT_TRUE(is<origin::Carbon>(carbon("romeo@example.org", "sent", "romeo@example.org/x", "juliet@example.org")));
  EXPECT_TRUE(
      is<origin::Refused>(carbon("mallory@example.org", "received", "juliet@example.org/b", "romeo@example.org")));
  EXPECT_TRUE(
      is<origin::Refused>(carbon("romeo@example.org/other", "received", "juliet@example.org/b", "romeo@example.org")));
  EXPECT_TRUE(is<origin::Refused>(carbon("example.org", "received", "juliet@example.org/b", "romeo@example.org")));
  EXPECT_TRUE(is<origin::Refused>(carbon("", "received", "juliet@example.org/b", "romeo@example.org")));
}

// REQ 30
TEST_F(OriginGateTest, RefusesCarbonsWhoseDirectionContradictsTheSender) {
  EXPECT_TRUE(is<origin::Refused>(carbon("romeo@example.org", "sent", "juliet@example.org/b", "romeo@example.org")));
  EXPECT_TRUE(
      is<origin::Refused>(carbon("romeo@example.org", "received", "romeo@example.org/x", "juliet@example.org")));
  EXPECT_TRUE(is<origin::Carbon>(carbon("romeo@example.org", "received", "romeo@example.org/x", "romeo@example.org")));
}

// REQ 30
TEST_F(OriginGateTest, AMessageThatClaimsToBeACarbonIsNeverAMessage) {
  EXPECT_TRUE(
      is<origin::Refused>("<message from='mallory@example.org'><body>hi</body><received "
                          "xmlns='urn:xmpp:carbons:2'/></message>"));
}

// REQ 30
TEST_F(OriginGateTest, TakesRosterPushesFromTheOwnAccountOnly) {
  const std::string query =
      "<query xmlns='jabber:iq:roster'><item jid='x@example.org' subscription='both'/></query></iq>";
  EXPECT_TRUE(is<origin::RosterPush>("<iq type='set' id='1'>" + query));
  EXPECT_TRUE(is<origin::RosterPush>("<iq type='set' id='1' from='romeo@example.org'>" + query));
  EXPECT_TRUE(is<origin::Refused>("<iq type='set' id='1' from='mallory@example.org'>" + query));
  EXPECT_TRUE(is<origin::Refused>("<iq type='set' id='1' from='romeo@example.org/other'>" + query));
  EXPECT_TRUE(is<origin::Refused>("<iq type='set' id='1' from='example.org'>" + query));
}

std::string archive_result(std::string_view from, std::string_view query_id) {
  return "<message from='" + std::string(from) + "'><result xmlns='urn:xmpp:mam:2' id='7' queryid='" +
         std::string(query_id) +
         "'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-01-02T03:04:05Z'/>"
         "<message xmlns='jabber:client' "
         "from='juliet@example.org/b'><body>x</body></message></forwarded></result></message>";
}

// REQ 30
TEST_F(OriginGateTest, TakesArchiveResultsFromTheOwnArchiveOnly) {
  ASSERT_TRUE(is<origin::ArchiveResult>(archive_result("romeo@example.org", "q")));
  EXPECT_EQ(std::get<origin::ArchiveResult>(last).from.text(), "juliet@example.org/b");
  EXPECT_TRUE(is<origin::Refused>(archive_result("mallory@example.org", "q")));
  EXPECT_TRUE(is<origin::Refused>(archive_result("juliet@example.org/b", "q")));
  EXPECT_TRUE(is<origin::Refused>(archive_result("romeo@example.org", "")));
}

// REQ 30
TEST_F(OriginGateTest, APepEventSpeaksForItsBareSenderOnly) {
  const std::string event =
      "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='n'><item id='i'/></items></event></message>";
  ASSERT_TRUE(is<origin::PepEvent>("<message from='juliet@example.org'>" + event));
  EXPECT_EQ(std::get<origin::PepEvent>(last).owner.text(), "juliet@example.org");
  EXPECT_TRUE(is<origin::Refused>("<message from='juliet@example.org/balcony'>" + event));
  // An event that comes back is not one of who sends it back.
  EXPECT_TRUE(is<origin::Refused>("<message type='error' from='juliet@example.org'>" + event));
  ASSERT_TRUE(is<origin::PepEvent>("<message>" + event));
  EXPECT_EQ(std::get<origin::PepEvent>(last).owner.text(), "romeo@example.org");
}

// REQ 30
TEST_F(OriginGateTest, OnlyWhoWasAskedMayAnswer) {
  const auto asked = *xmpp::Jid::parse("juliet@example.org");
  EXPECT_TRUE(gate.is_answer_from(asked, "juliet@example.org"));
  EXPECT_FALSE(gate.is_answer_from(asked, "juliet@example.org/balcony"));
  EXPECT_FALSE(gate.is_answer_from(asked, "mallory@example.org"));
  EXPECT_FALSE(gate.is_answer_from(asked, ""));
  EXPECT_FALSE(gate.is_answer_from(asked, "@"));
  EXPECT_TRUE(gate.is_answer_from(xmpp::Jid(), ""));
  EXPECT_TRUE(gate.is_answer_from(xmpp::Jid(), "romeo@example.org"));
  EXPECT_TRUE(gate.is_answer_from(xmpp::Jid(), "example.org"));
  EXPECT_FALSE(gate.is_answer_from(xmpp::Jid(), "juliet@example.org"));
  // RFC 6120 §8.1.2.1: an account's own server may answer for it without saying so.
  EXPECT_TRUE(gate.is_answer_from(*xmpp::Jid::parse("romeo@example.org"), ""));
}

// REQ 30
TEST_F(OriginGateTest, OnlyTheAuthorMayAlterAndOnlyTheRecipientMayAcknowledge) {
  const auto juliet = *xmpp::Jid::parse("juliet@example.org/b");
  EXPECT_TRUE(OriginGate::may_alter(juliet, *xmpp::Jid::parse("juliet@example.org/other")));
  EXPECT_FALSE(OriginGate::may_alter(juliet, *xmpp::Jid::parse("mallory@example.org/b")));
  EXPECT_TRUE(OriginGate::may_acknowledge(juliet, *xmpp::Jid::parse("juliet@example.org/other")));
  EXPECT_FALSE(OriginGate::may_acknowledge(juliet, *xmpp::Jid::parse("mallory@example.org/b")));
}

// REQ 30: what is inside has to have a sender, too.
TEST_F(OriginGateTest, RefusesCopiesOfMessagesWithoutAValidSender) {
  EXPECT_TRUE(is<origin::Refused>(carbon("romeo@example.org", "received", "@", "romeo@example.org")));
  EXPECT_TRUE(is<origin::Refused>(carbon("romeo@example.org", "sent", "", "juliet@example.org")));
  std::string archived = archive_result("romeo@example.org", "q");
  archived.replace(archived.find("juliet@example.org/b"), 20, "@");
  EXPECT_TRUE(is<origin::Refused>(archived));
}

// REQ 30
TEST_F(OriginGateTest, RefusesStanzasWithoutAValidSender) {
  EXPECT_TRUE(is<origin::Refused>("<iq type='get' id='x' from='@'><ping xmlns='urn:xmpp:ping'/></iq>"));
  EXPECT_TRUE(is<origin::Refused>("<message><body>x</body></message>"));
  EXPECT_TRUE(is<origin::Refused>("<message from='@'><body>x</body></message>"));
  EXPECT_TRUE(is<origin::Refused>("<presence/>"));
  EXPECT_TRUE(is<origin::Refused>("<iq type='result' id='x' from='juliet@example.org'/>"));
  EXPECT_TRUE(is<origin::Message>("<message from='juliet@example.org/b'><body>x</body></message>"));
  EXPECT_TRUE(
      is<origin::Request>("<iq type='get' id='x' from='juliet@example.org/b'><ping xmlns='urn:xmpp:ping'/></iq>"));
}

}  // namespace
}  // namespace rookery::client
