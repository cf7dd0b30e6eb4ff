#include <gtest/gtest.h>

#include "tests/unit/xmpp/payloads/parsing.h"
#include "xmpp/payloads/caps.h"
#include "xmpp/payloads/disco.h"
#include "xmpp/payloads/result_set.h"

namespace rookery::xmpp {
namespace {

TEST(DataForm, ReadsTheExampleOfXep0004) {
  const auto xml = from_xml(
      "<x xmlns='jabber:x:data' type='form'><title>Bot Configuration</title><instructions>Fill out!</instructions>"
      "<field type='hidden' var='FORM_TYPE'><value>jabber:bot</value></field>"
      "<field type='fixed'><value>Section 1</value></field>"
      "<field type='text-single' label='The name' var='botname'/>"
      "<field type='boolean' label='Public bot?' var='public'><required/></field>"
      "<field type='list-single' label='Max' var='maxsubs'><value>20</value>"
      "<option label='10'><value>10</value></option><option label='20'><value>20</value></option></field></x>");
  const auto form = DataForm::parse(*xml).value();
  EXPECT_EQ(form.title, "Bot Configuration");
  EXPECT_EQ(form.form_type(), "jabber:bot");
  EXPECT_EQ(form.value("maxsubs"), "20");
  EXPECT_EQ(form.value("botname"), std::nullopt);
  EXPECT_TRUE(form.field("public")->required);
  EXPECT_EQ(form.field("maxsubs")->options.size(), 2u);
  EXPECT_EQ(form.field("absent"), nullptr);
}

TEST(DataForm, ComesBackAsItWasSent) {
  auto form = DataForm::make(DataForm::Type::form, "urn:test");
  form.title = "T & t";
  form.instructions = {"one", "two"};
  form.add("a", "1", "text-single", "A").add_boolean("b", true).add_values("c", {"x", "y", ""}, "text-multi");
  form.add_choice("d", "q", {"p", "q"}, "D");
  EXPECT_EQ(*DataForm::parse_child(*sent(form)).value(), form);

  DataForm result;
  result.type = DataForm::Type::result;
  DataForm::Field column;
  column.var = "name";
  result.reported = {column};
  column.values = {"v"};
  result.items = {{column}, {column}};
  EXPECT_EQ(*DataForm::parse_child(*sent(result)).value(), result);
}

TEST(DataForm, RefusesWhatIsMalformed) {
  for (const auto* xml : {"<x xmlns='jabber:x:data'/>", "<x xmlns='jabber:x:data' type='odd'/>",
                          "<x xmlns='jabber:x:data' type='submit'><field><value>1</value></field></x>",
                          "<x xmlns='jabber:x:data' type='submit'><field var='a'/><field var='a'/></x>",
                          "<x xmlns='jabber:x:data' type='result'><item><field/></item></x>"}) {
    const auto form = DataForm::parse(*from_xml(xml));
    ASSERT_FALSE(form) << xml;
    EXPECT_EQ(form.error().condition, Condition::bad_request);
  }
  EXPECT_EQ(DataForm::parse_child(*from_xml("<a/>")).value(), std::nullopt);
}

TEST(DataForm, TakesFormTypeOnlyWhenHiddenOrSubmitted) {
  const auto type_of = [](const char* xml) { return std::string(DataForm::parse(*from_xml(xml))->form_type()); };
  EXPECT_EQ(type_of("<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>t</value></field></x>"), "t");
  EXPECT_EQ(type_of("<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>t</value></field></x>"), "");
}

TEST(DataForm, ReadsBooleans) {
  DataForm form;
  form.add("yes", "1").add("no", "false").add("odd", "maybe");
  EXPECT_EQ(form.boolean("yes").value(), true);
  EXPECT_EQ(form.boolean("no").value(), false);
  EXPECT_EQ(form.boolean("absent").value(), std::nullopt);
  EXPECT_EQ(form.boolean("odd").error().condition, Condition::bad_request);
}

TEST(RsmRequest, ReadsAnEmptyBeforeAsTheLastPage) {
  const auto request =
      RsmRequest::parse(*from_xml("<set xmlns='http://jabber.org/protocol/rsm'><max>10</max><before/></set>")).value();
  EXPECT_EQ(request.max, 10u);
  EXPECT_TRUE(request.wants_last_page());
  EXPECT_FALSE(request.after);
  EXPECT_EQ(RsmRequest::parse_child(*sent(request)).value(), request);
}

TEST(RsmRequest, ComesBackAsItWasSent) {
  const RsmRequest request{5, "a<b", "c", 7};
  EXPECT_EQ(RsmRequest::parse_child(*sent(request)).value(), request);
  EXPECT_TRUE(RsmRequest::parse_child(*from_xml("<a/>"))->empty());
}

TEST(RsmRequest, RefusesNumbersThatAreNone) {
  for (const auto* inner :
       {"<max>-1</max>", "<max>ten</max>", "<max/>", "<max>4294967296</max>", "<index>1x</index>", "<max> 1</max>"}) {
    const auto parsed =
        RsmRequest::parse(*from_xml("<set xmlns='http://jabber.org/protocol/rsm'>" + std::string(inner) + "</set>"));
    ASSERT_FALSE(parsed) << inner;
    EXPECT_EQ(parsed.error().condition, Condition::bad_request);
  }
}

TEST(RsmResult, ComesBackAsItWasSent) {
  for (const RsmResult& result : {RsmResult{"a", "b", 0, 800}, RsmResult{{}, {}, {}, 0}, RsmResult{"a", "a", {}, {}}})
    EXPECT_EQ(RsmResult::parse_child(*sent(result)).value(), result);
}

TEST(DiscoInfo, ComesBackAsItWasSent) {
  DiscoInfo info{"n", {{"client", "pc", "Psi", "en"}, {"client", "bot", "", ""}}, {"f1", "f2"}, {}};
  info.forms.push_back(DataForm::make(DataForm::Type::result, "urn:t").add("x", "1"));
  const auto iq = sent(info);
  const auto parsed = DiscoInfo::parse(*iq->child("query", ns::disco_info)).value();
  EXPECT_EQ(parsed, info);
  EXPECT_TRUE(parsed.has_feature("f2"));
  EXPECT_FALSE(parsed.has_feature("f3"));
  EXPECT_TRUE(parsed.has_identity("client", "bot"));
}

TEST(DiscoInfo, RefusesIncompleteIdentitiesAndFeatures) {
  for (const auto* inner : {"<identity type='pc'/>", "<identity category='client'/>", "<feature/>"}) {
    const auto xml = "<query xmlns='http://jabber.org/protocol/disco#info'>" + std::string(inner) + "</query>";
    EXPECT_EQ(DiscoInfo::parse(*from_xml(xml)).error().condition, Condition::bad_request) << inner;
  }
}

TEST(DiscoItems, ComesBackAsItWasSent) {
  const DiscoItems items{
      "n", {{Jid::parse("a.b").value(), "x", "y"}, {Jid::parse("c.d").value(), "", ""}}, RsmResult{"1", "2", 0, 9}};
  EXPECT_EQ(DiscoItems::parse(*sent(items)->child("query", ns::disco_items)).value(), items);
  const auto bad =
      DiscoItems::parse(*from_xml("<query xmlns='http://jabber.org/protocol/disco#items'><item jid='@'/></query>"));
  EXPECT_EQ(bad.error().condition, Condition::jid_malformed);
}

DiscoInfo simple_info() {  // XEP-0115 §5.2
  return {"",
          {{"client", "pc", "Exodus 0.9.1", ""}},
          {"http://jabber.org/protocol/caps", "http://jabber.org/protocol/disco#info",
           "http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/muc"},
          {}};
}
DiscoInfo complex_info() {  // XEP-0115 §5.3
  auto info = simple_info();
  std::swap(info.features.front(), info.features.back());
  info.identities = {{"client", "pc", "Psi 0.11", "en"}, {"client", "pc", "\u03A8 0.11", "el"}};
  info.forms.push_back(DataForm::make(DataForm::Type::result, "urn:xmpp:dataforms:softwareinfo")
                           .add("software_version", "0.11")
                           .add_values("ip_version", {"ipv6", "ipv4"}, "text-multi")
                           .add("os", "Mac")
                           .add("os_version", "10.5.1")
                           .add("software", "Psi"));
  return info;
}

TEST(Caps, HashesTheExamplesOfXep0115) {
  EXPECT_EQ(caps_hash(simple_info()).value(), "QgayPKawpkPSDYmwT/WM94uAlu0=");
  EXPECT_EQ(caps_hash(complex_info()).value(), "q07IKJEyjvHSyhy//CH0CxmKi8w=");
}

TEST(Caps, RefuseIllFormedInformation) {  // §5.4 step 3
  auto info = simple_info();
  info.features.push_back(info.features.front());
  EXPECT_FALSE(caps_hash(info));
  info = simple_info();
  info.identities.push_back(info.identities.front());
  EXPECT_FALSE(caps_hash(info));
  info = complex_info();
  info.forms.push_back(info.forms.front());
  EXPECT_FALSE(caps_hash(info));
  info = complex_info();
  info.forms.front().fields.front().values.push_back("urn:other");
  EXPECT_FALSE(caps_hash(info));
  info = simple_info();
  info.features.push_back("a<b");
  EXPECT_FALSE(caps_hash(info));
}

TEST(Caps, IgnoreFormsWithoutHiddenFormType) {  // §5.4 step 3.6
  auto info = simple_info();
  info.forms.push_back(DataForm{});
  info.forms.push_back(DataForm{});
  info.forms.back().add("FORM_TYPE", "urn:x", "text-single");
  EXPECT_EQ(caps_hash(info).value(), "QgayPKawpkPSDYmwT/WM94uAlu0=");
}

TEST(Caps, MatchOnlyTheRightInformation) {
  const Caps caps{"sha-1", "http://code.google.com/p/exodus", "QgayPKawpkPSDYmwT/WM94uAlu0="};
  EXPECT_TRUE(caps_match(caps, simple_info()));
  EXPECT_FALSE(caps_match(caps, complex_info()));
  EXPECT_FALSE(caps_match({"md5", "n", caps.ver}, simple_info()));
  EXPECT_EQ(Caps::find(*sent(caps)), caps);
  EXPECT_EQ(caps.query_node(), "http://code.google.com/p/exodus#QgayPKawpkPSDYmwT/WM94uAlu0=");
  EXPECT_FALSE(
      Caps::find(*from_xml("<presence><c xmlns='http://jabber.org/protocol/caps' node='n' ver='v'/></presence>")));
}

}  // namespace
}  // namespace rookery::xmpp
