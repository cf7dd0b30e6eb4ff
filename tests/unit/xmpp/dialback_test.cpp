#include "xmpp/dialback.h"

#include <gtest/gtest.h>

#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::xmpp {
namespace {

ElementPtr from_xml(std::string_view xml) {
  auto element = parse_document(xml, {}, ns::server);
  EXPECT_TRUE(element) << xml;
  return std::move(*element);
}

std::optional<Dialback> parsed(std::string_view xml) { return parse_dialback(*from_xml(xml)); }

TEST(Dialback, TheKeyIsThatOfTheExampleInXep0185) {
  EXPECT_EQ(dialback_key("s3cr3tf0rd14lb4ck", "xmpp.example.com", "example.org", "D60000229F"),
            "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643");
}

TEST(Dialback, EveryInputChangesTheKey) {
  const std::string key = dialback_key("secret", "a.example", "b.example", "1");
  EXPECT_NE(key, dialback_key("other", "a.example", "b.example", "1"));
  EXPECT_NE(key, dialback_key("secret", "b.example", "a.example", "1"));
  EXPECT_NE(key, dialback_key("secret", "a.example", "b.example", "2"));
}

TEST(Dialback, ReadsRequestsAndAnswers) {
  const auto request =
      parsed("<db:result xmlns:db='jabber:server:dialback' from='a.example' to='b.example'>key</db:result>");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->kind, Dialback::Kind::result);
  EXPECT_EQ(request->type, Dialback::Type::request);
  EXPECT_EQ(request->key, "key");
  const auto answer =
      parsed("<db:verify xmlns:db='jabber:server:dialback' from='b.example' to='a.example' id='i' type='valid'/>");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->kind, Dialback::Kind::verify);
  EXPECT_EQ(answer->type, Dialback::Type::valid);
  EXPECT_EQ(answer->id, "i");
}

TEST(Dialback, AnErrorNamesItsConditionInTheStreamsNamespace) {
  const auto error = parsed(
      "<db:result xmlns:db='jabber:server:dialback' from='b.example' to='a.example' type='error'><error type='cancel'>"
      "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->condition, Condition::item_not_found);
}

TEST(Dialback, RefusesWhatIsMalformed) {
  for (const auto* xml :
       {"<result xmlns='jabber:server:dialback' from='a.example' to='b.example'/>",
        "<result xmlns='jabber:server:dialback' from='a@a.example' to='b.example'>k</result>",
        "<result xmlns='jabber:server:dialback' to='b.example'>k</result>",
        "<result xmlns='jabber:server:dialback' from='a.example' to='b.example' type='odd'>k</result>",
        "<verify xmlns='jabber:server:dialback' from='a.example' to='b.example'>k</verify>"}) {
    EXPECT_FALSE(parsed(xml)) << xml;
  }
}

TEST(Dialback, ComesBackAsItWasSent) {
  const Jid a = *Jid::parse("a.example"), b = *Jid::parse("b.example");
  for (const auto type :
       {Dialback::Type::request, Dialback::Type::valid, Dialback::Type::invalid, Dialback::Type::error}) {
    const Dialback sent{.kind = Dialback::Kind::verify,
                        .type = type,
                        .from = a,
                        .to = b,
                        .id = "<i'd>",
                        .key = type == Dialback::Type::request ? "k&y" : "",
                        .condition = Condition::remote_server_timeout};
    const auto stream = "<x xmlns:db='jabber:server:dialback'>" + to_xml(sent) + "</x>";
    const auto got = parse_dialback(*from_xml(stream)->first_element());
    ASSERT_TRUE(got) << stream;
    EXPECT_EQ(got->type, type);
    EXPECT_EQ(got->id, sent.id);
    EXPECT_EQ(got->key, sent.key);
    if (type == Dialback::Type::error) {
      EXPECT_EQ(got->condition, sent.condition);
    }
  }
}

}  // namespace
}  // namespace rookery::xmpp
