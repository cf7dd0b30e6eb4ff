#include <gtest/gtest.h>

#include "tests/unit/xmpp/payloads/parsing.h"
#include "xmpp/payloads/carbons.h"
#include "xmpp/payloads/hints.h"
#include "xmpp/payloads/mam.h"
#include "xmpp/payloads/stanza_id.h"

namespace rookery::xmpp {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

constexpr TimePoint midnight = sys_days(2002y / September / 10);

TEST(DateTime, ReadsTheExamplesOfXep0082) {
  EXPECT_EQ(parse_date_time("1969-07-21T02:56:15Z"), sys_days(1969y / July / 21) + 2h + 56min + 15s);
  EXPECT_EQ(parse_date_time("1969-07-20T21:56:15-05:00"), parse_date_time("1969-07-21T02:56:15Z"));
  EXPECT_EQ(parse_date_time("2002-09-10T23:08:25.25Z"), midnight + 23h + 8min + 25s + 250ms);
  EXPECT_EQ(parse_date_time("2002-09-10T00:00:00.1234569+01:30"), midnight + 123456us - 90min);
}

TEST(DateTime, RefusesWhatIsNoMoment) {
  for (const auto* text :
       {"", "2002-09-10", "2002-09-10T23:08:25", "2002-02-30T00:00:00Z", "2002-13-01T00:00:00Z", "2002-09-10T24:00:00Z",
        "2002-09-10T23:60:00Z", "2002-09-10T23:08:60Z", "2002-09-10T23:08:25.Z", "2002-09-10T23:08:25Zx",
        "2002-09-10T23:08:25+1:00", "2002-09-10 23:08:25Z", "+002-09-10T23:08:25Z", "2002-09-10T23:08:25+15:00",
        "20020910T23:08:25"})
    EXPECT_EQ(parse_date_time(text), std::nullopt) << text;
}

TEST(DateTime, ComesBackAsItWasWritten) {
  EXPECT_EQ(format_date_time(midnight), "2002-09-10T00:00:00Z");
  EXPECT_EQ(format_date_time(midnight + 42us), "2002-09-10T00:00:00.000042Z");
  for (const auto offset : {-40000h, -1h, 0h, 1h, 400000h})
    EXPECT_EQ(parse_date_time(format_date_time(midnight + offset + 1us)), midnight + offset + 1us);
}

TEST(Delay, ComesBackAsItWasSent) {
  const Delay delay{midnight + 1us, Jid::parse("capulet.com").value(), "Offline Storage"};
  EXPECT_EQ(Delay::find(*sent(delay)), delay);
  EXPECT_EQ(Delay::find(*sent(Delay{midnight, {}, {}})), (Delay{midnight, {}, {}}));
}

TEST(Delay, PassesOverMalformedOnes) {
  EXPECT_FALSE(Delay::find(*from_xml("<m><delay xmlns='urn:xmpp:delay'/></m>")));
  EXPECT_FALSE(Delay::find(*from_xml("<m><delay xmlns='urn:xmpp:delay' stamp='2002-09-10T00:00:00Z' from='@'/></m>")));
  EXPECT_EQ(
      Delay::find(
          *from_xml(
              "<m><delay xmlns='urn:xmpp:delay'/><delay xmlns='urn:xmpp:delay' stamp='2002-09-10T00:00:00Z'/></m>"))
          ->stamp,
      midnight);
}

TEST(StanzaId, RemovesForgedOnesInAnySpelling) {
  const auto me = Jid::parse("juliet@capulet.lit").value();
  const auto message = from_xml(
      "<message><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='juliet@capulet.lit'/><body>x</body>"
      "<stanza-id xmlns='urn:xmpp:sid:0' id='2' by='Juliet@CAPULET.lit.'/><stanza-id xmlns='urn:xmpp:sid:0' id='3' "
      "by='room@muc.lit'/>"
      "<origin-id xmlns='urn:xmpp:sid:0' id='o'/><stanza-id xmlns='urn:xmpp:sid:0' id='4' "
      "by='juliet@capulet.lit'/></message>");
  EXPECT_FALSE(find_stanza_id(*message, me));  // ambiguous
  EXPECT_EQ(remove_stanza_ids(*message, me), 3u);
  EXPECT_FALSE(find_stanza_id(*message, me));
  add_stanza_id(*message, me, "real");
  EXPECT_EQ(find_stanza_id(*message, me), "real");
  EXPECT_EQ(find_stanza_id(*message, Jid::parse("room@muc.lit").value()), "3");
  EXPECT_EQ(find_origin_id(*message), "o");
  EXPECT_EQ(message->child_text("body", ns::client), "x");
}

TEST(StanzaId, NeedsAnId) {
  EXPECT_FALSE(find_origin_id(*from_xml("<message><origin-id xmlns='urn:xmpp:sid:0'/></message>")));
  EXPECT_FALSE(find_stanza_id(*from_xml("<message><stanza-id xmlns='urn:xmpp:sid:0' by='a.b'/></message>"),
                              Jid::parse("a.b").value()));
}

TEST(Carbon, WrapsAndUnwraps) {
  const auto original = from_xml(
      "<message from='juliet@capulet.example/balcony' to='romeo@montague.example/garden' "
      "type='chat'><body>hi</body></message>");
  const auto wrapped =
      Carbon::wrap(Carbon::Direction::received, *original, Jid::parse("romeo@montague.example/x").value(),
                   Jid::parse("romeo@montague.example/home").value());
  EXPECT_EQ(wrapped->attr("from"), "romeo@montague.example");
  EXPECT_EQ(wrapped->attr("to"), "romeo@montague.example/home");
  EXPECT_EQ(wrapped->attr("type"), "chat");
  const auto received = from_xml(wrapped->to_xml());
  const auto carbon = Carbon::parse(*received).value();
  EXPECT_EQ(carbon.direction, Carbon::Direction::received);
  EXPECT_EQ(carbon.forwarded.stanza->to_xml(), original->to_xml());
  EXPECT_TRUE(claims_to_be_carbon(*received));
  EXPECT_FALSE(claims_to_be_carbon(*original));
}

TEST(Carbon, RefusesWhatIsMalformed) {
  const std::string carbons = "xmlns='urn:xmpp:carbons:2'", forward = "xmlns='urn:xmpp:forward:0'";
  for (const auto& xml :
       {"<message><sent " + carbons + "/></message>",
        "<message><sent " + carbons + "><forwarded " + forward + "/></sent></message>",
        "<message><sent " + carbons + "><forwarded " + forward +
            "><message xmlns='jabber:client'/><message xmlns='jabber:client'/></forwarded></sent></message>",
        "<message><sent " + carbons + "><forwarded " + forward +
            "><iq xmlns='jabber:client'/></forwarded></sent></message>",
        "<message><sent " + carbons + "><forwarded " + forward +
            "><message xmlns='evil'/></forwarded></sent></message>",
        "<message><sent " + carbons + "/><received " + carbons + "/></message>"}) {
    const auto message = from_xml(xml);
    EXPECT_FALSE(Carbon::parse(*message)) << xml;
    EXPECT_TRUE(claims_to_be_carbon(*message));
  }
  EXPECT_TRUE(is_carbon_private(*from_xml("<message><private " + carbons + "/></message>")));
}

TEST(Hints, ComeBackAsTheyWereSent) {
  for (const Hints& hints : {Hints{}, Hints{true, false, true, false}, Hints{false, true, false, true}})
    EXPECT_EQ(Hints::of(*sent(hints)), hints);
}

Parsed<MamQuery> mam_query(std::string_view fields, std::string_view after = {}) {
  const auto xml = from_xml(
      "<query xmlns='urn:xmpp:mam:2' queryid='f27'><x xmlns='jabber:x:data' type='submit'>"
      "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>" +
      std::string(fields) + "</x>" + std::string(after) + "</query>");
  return MamQuery::parse(*xml);
}

TEST(MamQuery, ReadsTheExamplesOfXep0313) {
  EXPECT_EQ(MamQuery::parse(*from_xml("<query xmlns='urn:xmpp:mam:2' queryid='f27'/>"))->query_id, "f27");
  EXPECT_EQ(mam_query("<field var='with'><value>juliet@capulet.lit</value></field>")->with->text(),
            "juliet@capulet.lit");
  const auto times = mam_query(
                         "<field var='start'><value>2002-09-10T00:00:00Z</value></field><field "
                         "var='end'><value>2002-09-10T00:00:01Z</value></field>")
                         .value();
  EXPECT_EQ(times.start, midnight);
  EXPECT_EQ(times.end, midnight + 1s);
  const auto ids = mam_query(
                       "<field var='after-id'><value>a</value></field><field var='before-id'><value>b</value></field>"
                       "<field var='ids'><value>c</value><value>d</value></field><field "
                       "var='include-groupchat'><value>false</value></field>",
                       "<set xmlns='http://jabber.org/protocol/rsm'><max>10</max><before/></set><flip-page/>")
                       .value();
  EXPECT_EQ(ids.after_id, "a");
  EXPECT_EQ(ids.before_id, "b");
  EXPECT_EQ(ids.ids, (std::vector<std::string>{"c", "d"}));
  EXPECT_EQ(ids.include_groupchat, false);
  EXPECT_TRUE(ids.page.wants_last_page());
  EXPECT_TRUE(ids.flip_page);
}

TEST(MamQuery, ComesBackAsItWasSent) {
  MamQuery query{"q",        "",   Jid::parse("a@b.c").value(), midnight, midnight + 1us, "x", "y",
                 {"i", "j"}, true, {10, "z", {}, {}},           true};
  EXPECT_EQ(MamQuery::parse(*sent(query)->child("query", ns::mam)).value(), query);
  EXPECT_EQ(MamQuery::parse(*sent(MamQuery{})->child("query", ns::mam)).value(), MamQuery{});
}

TEST(MamQuery, RefusesMalformedFields) {
  EXPECT_EQ(mam_query("<field var='{http://example.com/}free-text-search'><value>x</value></field>").error().condition,
            Condition::feature_not_implemented);
  EXPECT_EQ(mam_query("<field var='with'><value>@</value></field>").error().condition, Condition::jid_malformed);
  for (const auto* field :
       {"<field var='start'><value>yesterday</value></field>", "<field var='before-id'><value/></field>",
        "<field var='include-groupchat'><value>x</value></field>",
        "<field var='end'><value>2002-09-10T00:00:00Z</value><value>2002-09-10T00:00:00Z</value></field>"})
    EXPECT_EQ(mam_query(field).error().condition, Condition::bad_request) << field;
  const auto other = from_xml(
      "<query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'><field "
      "var='FORM_TYPE'><value>urn:xmpp:mam:1</value></field></x></query>");
  EXPECT_EQ(MamQuery::parse(*other).error().condition, Condition::bad_request);
}

TEST(MamQuery, OffersTheFieldsOfThisProtocol) {
  auto iq = Element::make("iq", ns::client);
  add_mam_fields(*iq);
  const auto form = DataForm::parse_child(*iq->child("query", ns::mam)).value().value();
  EXPECT_EQ(form.form_type(), ns::mam);
  for (const auto* name : {"with", "start", "end", "before-id", "after-id", "ids", "include-groupchat"})
    EXPECT_TRUE(form.field(name)) << name;
}

TEST(MamResult, ComesBackAsItWasSent) {
  auto message = Element::make("message", ns::client);
  add_mam_result(*message, "f27", "28482", *from_xml("<message from='a@b.c'><body>x</body></message>"), midnight);
  const auto received = from_xml(message->to_xml());
  const auto result = MamResult::parse(*received).value();
  EXPECT_EQ(result.query_id, "f27");
  EXPECT_EQ(result.id, "28482");
  EXPECT_EQ(result.forwarded.delay->stamp, midnight);
  EXPECT_EQ(result.forwarded.stanza->child_text("body", ns::client), "x");
  EXPECT_FALSE(MamResult::parse(*from_xml("<message><result xmlns='urn:xmpp:mam:2' id='1'/></message>")));
}

TEST(MamFin, ComesBackAsItWasSent) {
  for (const MamFin& fin : {MamFin{true, true, {"a", "b", 0, 16}}, MamFin{false, false, {}}})
    EXPECT_EQ(MamFin::parse(*sent(fin)).value(), fin);
}

TEST(MamMetadata, ComesBackAsItWasSent) {
  const MamMetadata metadata{MamMetadata::End{"YWxwaGEg", midnight}, MamMetadata::End{"b21lZ2Eg", midnight + 1s}};
  EXPECT_EQ(MamMetadata::parse(*sent(metadata)).value(), metadata);
  EXPECT_EQ(MamMetadata::parse(*sent(MamMetadata{})).value(), MamMetadata{});
  EXPECT_FALSE(MamMetadata::parse(*from_xml("<iq><metadata xmlns='urn:xmpp:mam:2'><start id='x'/></metadata></iq>")));
}

TEST(MamPreferences, ComeBackAsTheyWereSent) {
  const MamPreferences prefs{MamPreferences::Default::roster,
                             {Jid::parse("romeo@montague.lit").value()},
                             {Jid::parse("montague@montague.lit").value()}};
  EXPECT_EQ(MamPreferences::parse(*sent(prefs)->child("prefs", ns::mam)).value(), prefs);
  EXPECT_EQ(MamPreferences::parse(*from_xml("<prefs xmlns='urn:xmpp:mam:2'/>")).error().condition,
            Condition::bad_request);
  EXPECT_EQ(MamPreferences::parse(
                *from_xml("<prefs xmlns='urn:xmpp:mam:2' default='never'><always><jid>@</jid></always></prefs>"))
                .error()
                .condition,
            Condition::jid_malformed);
}

}  // namespace
}  // namespace rookery::xmpp
