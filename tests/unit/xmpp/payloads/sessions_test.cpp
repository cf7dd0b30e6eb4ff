#include <gtest/gtest.h>

#include "tests/unit/xmpp/payloads/parsing.h"
#include "xmpp/payloads/blocking.h"
#include "xmpp/payloads/entity_queries.h"
#include "xmpp/payloads/roster.h"
#include "xmpp/payloads/stream_management.h"

namespace rookery::xmpp {
namespace {

Jid jid(std::string_view text) { return Jid::parse(text).value(); }

TEST(StreamManagement, ComesBackAsItWasSent) {
  for (const SmElement& element :
       {SmElement(SmEnable{}), SmElement(SmEnable{true, 300}),
        SmElement(SmEnabled{"some-long-sm-id", true, 600, "[2001:db8::1]:9222"}), SmElement(SmEnabled{}),
        SmElement(SmResume{4294967295u, "id"}), SmElement(SmResumed{0, "id"}),
        SmElement(SmFailed{Condition::item_not_found, 7}), SmElement(SmFailed{Condition::unexpected_request, {}}),
        SmElement(SmRequest{}), SmElement(SmAnswer{3})}) {
    EXPECT_EQ(parse_stream_management(*from_xml(to_element(element)->to_xml())).value(), element);
  }
}

TEST(StreamManagement, RefusesMalformedElements) {
  for (const auto* xml :
       {"<a xmlns='urn:xmpp:sm:3'/>", "<a xmlns='urn:xmpp:sm:3' h='-1'/>", "<a xmlns='urn:xmpp:sm:3' h='4294967296'/>",
        "<a xmlns='urn:xmpp:sm:3' h='1 '/>", "<resume xmlns='urn:xmpp:sm:3' h='1'/>",
        "<resume xmlns='urn:xmpp:sm:3' previd='x'/>", "<enable xmlns='urn:xmpp:sm:3' resume='yes'/>",
        "<enable xmlns='urn:xmpp:sm:3' max='x'/>", "<enabled xmlns='urn:xmpp:sm:3' resume='true'/>",
        "<failed xmlns='urn:xmpp:sm:3' h='x'/>", "<odd xmlns='urn:xmpp:sm:3'/>", "<r xmlns='urn:xmpp:sm:2'/>"}) {
    const auto parsed = parse_stream_management(*from_xml(xml));
    ASSERT_FALSE(parsed) << xml;
    EXPECT_EQ(parsed.error().condition, Condition::bad_request);
  }
}

TEST(StreamManagement, GoesInsideSasl2AndBind2) {
  auto bound = Element::make("bound", "urn:xmpp:bind2:0");
  add_to(*bound, SmEnabled{"x", true, {}, {}});
  add_handled_count_too_high(*bound, 10, 8);
  EXPECT_EQ(bound->child("enabled", ns::sm)->attr("id"), "x");
  EXPECT_EQ(bound->child("handled-count-too-high", ns::sm)->attr("send-count"), "8");
}

TEST(Blocking, ComesBackAsItWasSent) {
  for (const Blocking& blocking :
       {Blocking{Blocking::Kind::list, {}}, Blocking{Blocking::Kind::block, {jid("a@b.c"), jid("d.e")}},
        Blocking{Blocking::Kind::unblock, {}}})
    EXPECT_EQ(Blocking::parse(*sent(blocking)->first_element()).value(), blocking);
}

TEST(Blocking, RefusesMalformedCommands) {
  const auto condition = [](const char* xml) { return Blocking::parse(*from_xml(xml)).error().condition; };
  EXPECT_EQ(condition("<block xmlns='urn:xmpp:blocking'/>"), Condition::bad_request);
  EXPECT_EQ(condition("<block xmlns='urn:xmpp:blocking'><item/></block>"), Condition::bad_request);
  EXPECT_EQ(condition("<block xmlns='urn:xmpp:blocking'><item jid='a@'/></block>"), Condition::jid_malformed);
  EXPECT_EQ(condition("<odd xmlns='urn:xmpp:blocking'/>"), Condition::bad_request);
  EXPECT_EQ(blocked_error().condition, Condition::not_acceptable);
}

TEST(Roster, ComesBackAsItWasSent) {
  const RosterQuery query{
      "ver11",
      {{jid("romeo@example.net"), "Romeo & co", RosterEntry::Subscription::both, false, false, {"Friends", "Lovers"}},
       {jid("mercutio@example.com"), "", RosterEntry::Subscription::from, true, true, {}},
       {jid("x.y"), "", RosterEntry::Subscription::remove, false, false, {}}}};
  EXPECT_EQ(RosterQuery::parse(*sent(query)->child("query", ns::roster)).value(), query);
  EXPECT_EQ(RosterQuery::parse(*from_xml("<query xmlns='jabber:iq:roster' ver=''/>"))->version, "");
  EXPECT_FALSE(RosterQuery::parse(*from_xml("<query xmlns='jabber:iq:roster'/>"))->version);
}

TEST(Roster, RefusesMalformedSets) {  // RFC 6121 §2.3.3
  const auto condition = [](std::string inner) {
    return RosterQuery::parse_set(*from_xml("<query xmlns='jabber:iq:roster'>" + inner + "</query>")).error().condition;
  };
  EXPECT_EQ(condition(""), Condition::bad_request);
  EXPECT_EQ(condition("<item jid='a@b.c'/><item jid='d@b.c'/>"), Condition::bad_request);
  EXPECT_EQ(condition("<item/>"), Condition::bad_request);
  EXPECT_EQ(condition("<item jid='a@'/>"), Condition::jid_malformed);
  EXPECT_EQ(condition("<item jid='a@b.c' subscription='odd'/>"), Condition::bad_request);
  EXPECT_EQ(condition("<item jid='a@b.c' ask='odd'/>"), Condition::bad_request);
  EXPECT_EQ(condition("<item jid='a@b.c'><group>x</group><group>x</group></item>"), Condition::bad_request);
  EXPECT_EQ(condition("<item jid='a@b.c'><group/></item>"), Condition::not_acceptable);
}

TEST(EntityQueries, ComeBackAsTheyWereSent) {
  const SoftwareVersion version{"Rookery", "0.1", "Debian"};
  EXPECT_EQ(SoftwareVersion::parse(*sent(version)->first_element()), version);
  using namespace std::chrono_literals;
  for (const auto offset : {0min, -360min, 330min, 839min}) {
    const EntityTime time{TimePoint(1166549750s), offset};
    EXPECT_EQ(EntityTime::parse(*sent(time)->first_element()), time);
  }
  const LastActivity last{903s, "Heading Home"};
  EXPECT_EQ(LastActivity::parse(*sent(last)->first_element()), last);
  EXPECT_FALSE(LastActivity::parse(*from_xml("<query xmlns='jabber:iq:last'/>")));
  EXPECT_FALSE(
      EntityTime::parse(*from_xml("<time xmlns='urn:xmpp:time'><tzo>6</tzo><utc>2006-12-19T17:58:35Z</utc></time>")));
  EXPECT_FALSE(SoftwareVersion::parse(*from_xml("<query xmlns='jabber:iq:version'/>")));
}

TEST(EntityTime, ReadsTheExampleOfXep0202) {
  const auto time =
      EntityTime::parse(
          *from_xml("<time xmlns='urn:xmpp:time'><tzo>-06:00</tzo><utc>2006-12-19T17:58:35Z</utc></time>"))
          .value();
  EXPECT_EQ(time.offset, std::chrono::hours(-6));
}

}  // namespace
}  // namespace rookery::xmpp
