#include "server/routing/fan_out.h"

#include <gtest/gtest.h>

#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {
namespace {

xmpp::ElementPtr parse(std::string_view xml) {
  auto parsed = xmpp::parse_document(xml, {}, xmpp::ns::client);
  EXPECT_TRUE(parsed);
  return std::move(*parsed);
}

TEST(SharedStanza, EachCopyIsWhatItWouldBeAlone) {
  const auto message = parse(
      "<message from='pubsub.example.org' type='headline'><event xmlns='e'><items node='a&amp;b'/></event></message>");
  const SharedStanza shared(message->clone());
  for (const std::string to : {"romeo@example.org", "romeo@example.org/or'chard<&>", "example.org"}) {
    const auto copy = parse(shared.addressed(to));
    EXPECT_EQ(copy->attr("to"), to);
    EXPECT_EQ(copy->attr("from"), "pubsub.example.org");
    auto alone = message->clone();
    alone->set_attr("to", to);
    copy->remove_attr("to");
    alone->remove_attr("to");
    EXPECT_EQ(copy->to_xml(), alone->to_xml());
  }
}

TEST(SharedStanza, OneToBeKeptHasItsRootAtHandAndTheRestWhenAsked) {
  const auto presence = parse(
      "<presence from='room@example.org/o&apos;nick' xml:lang='en'><show>away</show><x xmlns='e'><item "
      "a='1'/></x></presence>");
  const SharedStanza kept(*presence);
  EXPECT_EQ(kept.stanza().name(), "presence");
  EXPECT_EQ(kept.stanza().attr("from"), "room@example.org/o'nick");
  EXPECT_EQ(kept.stanza().first_node(), nullptr);
  EXPECT_EQ(kept.whole()->to_xml(), presence->to_xml());
  EXPECT_EQ(kept.addressed("a@b"), SharedStanza(presence->clone()).addressed("a@b"));
}

// Escaped it is longer than any client may send.
TEST(SharedStanza, TheLargestMessageIsWholeAgain) {
  const auto message = parse("<message><body>" + std::string(200'000, '\'') + "</body></message>");
  EXPECT_EQ(SharedStanza(message->clone()).whole()->to_xml(), message->to_xml());
}

TEST(SharedStanza, AnElementWithoutAttributesOrChildrenIsNoException) {
  EXPECT_EQ(parse(SharedStanza(parse("<message/>")).addressed("a@b"))->attr("to"), "a@b");
}

}  // namespace
}  // namespace rookery::server
