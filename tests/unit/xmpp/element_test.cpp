#include "xmpp/element.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "xmpp/namespaces.h"
#include "xmpp/xml_chars.h"

namespace rookery::xmpp {
namespace {

ElementPtr message() {
  auto stanza = Element::make("message", ns::client);
  stanza->set_attr("to", "juliet@capulet.example").set_attr("type", "chat");
  stanza->add_text_child("body", "Wherefore art thou?");
  stanza->add("active", ns::chat_states);
  return stanza;
}

TEST(Element, IsWrittenWithoutTheNamespaceAlreadyInScope) {
  EXPECT_EQ(message()->to_xml(ns::client),
            "<message to='juliet@capulet.example' type='chat'><body>Wherefore art thou?</body>"
            "<active xmlns='http://jabber.org/protocol/chatstates'/></message>");
}

TEST(Element, IsWrittenWithItsNamespaceWhenAnotherIsInScope) {
  EXPECT_EQ(Element::make("message", ns::client)->to_xml(ns::server), "<message xmlns='jabber:client'/>");
  EXPECT_EQ(Element::make("message", ns::client)->to_xml(), "<message xmlns='jabber:client'/>");
}

TEST(Element, UndeclaresTheDefaultNamespaceForAChildWithoutOne) {
  auto stanza = Element::make("a", "urn:a");
  stanza->add("b", "").add("c", "urn:a");
  EXPECT_EQ(stanza->to_xml(), "<a xmlns='urn:a'><b xmlns=''><c xmlns='urn:a'/></b></a>");
}

TEST(Element, WritesTheStreamsNamespaceWithItsUsualPrefix) {
  auto features = Element::make("features", ns::streams);
  features->add("bind", ns::bind);
  features->add("inner", ns::client);
  EXPECT_EQ(features->to_xml(ns::client),
            "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"
            "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><inner/></stream:features>");
}

TEST(Element, WritesAnElementOfTheXmlNamespaceWithoutDeclaringIt) {
  EXPECT_EQ(Element::make("thing", ns::xml)->to_xml(ns::client), "<xml:thing/>");
}

TEST(Element, EscapesTextAndAttributes) {
  auto stanza = Element::make("a", "");
  stanza->set_attr("v", "<&>'\"\t\n\r").add_text("<&>'\"\t\n\r");
  EXPECT_EQ(stanza->to_xml(), "<a v='&lt;&amp;&gt;&apos;&quot;&#9;&#10;&#13;'>&lt;&amp;&gt;&apos;&quot;\t\n&#13;</a>");
  std::string out = "x";
  append_escaped(out, "a<b\x01");
  EXPECT_EQ(out, "xa&lt;b\xef\xbf\xbd");
}

TEST(Element, EscapesAtEveryPlaceInALongText) {
  for (size_t at = 0; at < 40; ++at) {
    const std::string before(at, 'x');
    const std::string after(40 - at, 'y');
    auto stanza = Element::make("a", "");
    stanza->add_text(before + "\r" + after);
    std::string out = "kept";
    stanza->append_xml(out);
    EXPECT_EQ(out, "kept<a>" + before + "&#13;" + after + "</a>");
  }
}

// REQ 7
TEST(Element, NeverHoldsBytesThatAreNotXmlText) {
  auto stanza = Element::make("a", "");
  stanza->set_attr("v", "\x01z").add_text("a\xff\xc3(\xed\xa0\x80\xef\xbf\xbf");
  EXPECT_TRUE(is_legal_text(stanza->to_xml()));
  EXPECT_EQ(stanza->attr("v"), "\xef\xbf\xbdz");
}

TEST(Element, DeclaresGeneratedPrefixesOncePerElement) {
  auto stanza = Element::make("a", "");
  stanza->set_attr("plain", "0")
      .set_attr_ns("x", "urn:p", "1")
      .set_attr_ns("y", "urn:q", "2")
      .set_attr_ns("z", "urn:p", "3");
  EXPECT_EQ(stanza->to_xml(), "<a plain='0' xmlns:ns1='urn:p' ns1:x='1' xmlns:ns2='urn:q' ns2:y='2' ns1:z='3'/>");
}

TEST(Element, TellsPlainAttributesFromNamespacedOnes) {
  auto stanza = Element::make("a", "");
  stanza->set_attr_ns("x", "urn:p", "1");
  EXPECT_FALSE(stanza->has_attr("x"));
  stanza->set_attr("x", "2");
  EXPECT_EQ(stanza->attr("x"), "2");
  stanza->remove_attr("x");
  EXPECT_EQ(stanza->first_attribute()->ns, "urn:p");
  EXPECT_EQ(stanza->first_attribute()->next, nullptr);
}

TEST(Element, TreatsXmlLangAsOneAttributeHoweverItIsSet) {
  auto stanza = Element::make("a", "");
  stanza->set_attr("xml:lang", "en").set_attr_ns("lang", ns::xml, "de");
  EXPECT_EQ(stanza->to_xml(), "<a xml:lang='de'/>");
}

TEST(Element, ReplacesRemovesAndReappendsAttributes) {
  auto stanza = Element::make("a", "");
  stanza->set_attr("x", "1").set_attr("y", "2").set_attr("x", "3");
  stanza->remove_attr("y");
  stanza->remove_attr("absent");
  stanza->set_attr("z", "4");
  EXPECT_EQ(stanza->to_xml(), "<a x='3' z='4'/>");
  EXPECT_TRUE(stanza->has_attr("x"));
  EXPECT_FALSE(stanza->has_attr("y"));
  EXPECT_TRUE(stanza->attr("y").empty());
}

TEST(Element, FindsChildrenByNameAndNamespace) {
  auto stanza = message();
  EXPECT_EQ(stanza->child_text("body", ns::client), "Wherefore art thou?");
  EXPECT_EQ(stanza->child("body", ns::server), nullptr);
  EXPECT_NE(stanza->child("active", ns::chat_states), nullptr);
  EXPECT_EQ(stanza->child_text("subject", ns::client), "");
}

TEST(Element, IteratesElementsPastText) {
  auto stanza = Element::make("a", "");
  stanza->add_text("1").add("b");
  stanza->add_text("2").add("c");
  stanza->add_text("3");
  std::vector<std::string> names;
  for (const Element& child : stanza->elements()) names.emplace_back(child.name());
  EXPECT_EQ(names, (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(stanza->text(), "123");
  EXPECT_TRUE(stanza->first_node()->is_text());
}

TEST(Element, RemovesFirstMiddleAndLastChild) {
  auto stanza = Element::make("a", "");
  for (const char* name : {"b", "c", "d"}) stanza->add(name);
  stanza->remove(*stanza->child("c", ""));
  EXPECT_EQ(stanza->to_xml(), "<a><b/><d/></a>");
  stanza->remove(*stanza->child("d", ""));
  stanza->add("e");
  stanza->remove(*stanza->child("b", ""));
  EXPECT_EQ(stanza->to_xml(), "<a><e/></a>");
}

TEST(Element, CopiesAreDeepAndOutliveTheirSource) {
  auto source = message();
  source->child("body", ns::client)->set_attr("xml:lang", "en").set_attr_ns("x", "urn:not-well-known", "1");
  const std::string expected = source->to_xml();
  auto clone = source->clone();
  auto wrapper = Element::make("forwarded", ns::forward);
  const Element& inner = wrapper->add_copy(*source);
  source.reset();
  EXPECT_EQ(clone->to_xml(), expected);
  EXPECT_EQ(inner.to_xml(), expected);
  clone->add("later").set_attr("still", "works");
  EXPECT_TRUE(clone->child("later", ns::client));
}

TEST(Element, CanBeCopiedIntoItself) {
  auto stanza = Element::make("a", "");
  stanza->add("b").add("c");
  stanza->child("b", "")->add_copy(*stanza);
  EXPECT_EQ(stanza->to_xml(), "<a><b><c/><a><b><c/></b></a></b></a>");
}

TEST(Element, RenamesTheStreamNamespaceButNotInsideOtherPayloads) {
  auto stanza = message();
  stanza->add("forwarded", ns::forward).add("message", ns::client).add("body");
  stanza->rename_ns(ns::client, ns::server);
  EXPECT_TRUE(stanza->is("message", ns::server));
  EXPECT_TRUE(stanza->child("body", ns::server));
  EXPECT_TRUE(stanza->child("forwarded", ns::forward)->child("message", ns::client));
}

TEST(Element, SurvivesAHundredThousandLevels) {
  auto stanza = Element::make("a", "urn:a");
  Element* at = stanza.get();
  for (int i = 0; i < 100'000; ++i) at = &at->add("a");
  const auto clone = stanza->clone();
  stanza->rename_ns("urn:a", "urn:b");
  EXPECT_EQ(clone->to_xml("urn:a"), stanza->to_xml("urn:b"));
}

TEST(Element, KeepsTextsLargerThanAnyBlock) {
  const std::string large(3'000'000, 'x');
  auto stanza = Element::make("a", "");
  stanza->add_text(large).add_text("y");
  EXPECT_EQ(stanza->clone()->text(), large + "y");
}

TEST(Element, MayDieOnAnotherThread) {
  std::vector<ElementPtr> stanzas;
  for (int i = 0; i < 500; ++i) stanzas.push_back(message());
  std::thread([moved = std::move(stanzas)]() mutable { moved.clear(); }).join();
  EXPECT_EQ(message()->attr("type"), "chat");
}

TEST(XmlChars, AcceptsEveryLegalBoundary) {
  for (const char* text : {"\t\n\r ~\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xef\xbf\xbd", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_legal_text(text)) << text;
    EXPECT_TRUE(is_legal_text(std::string(13, 'x') + text)) << text;
  }
}

TEST(XmlChars, RefusesWhatIsNotUtf8) {
  for (const char* text :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2\x41", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xe2\x82\x41",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfe"}) {
    const std::string padded = std::string(9, 'x') + text;
    EXPECT_EQ(check_text(padded).fault, TextFault::encoding) << text;
    EXPECT_EQ(check_text(padded).valid, 9u) << text;
  }
}

// REQ 7
TEST(XmlChars, RefusesWhatIsNoXmlCharacter) {
  for (const char* text : {"\x01", "\x08", "\x0b", "\x0c", "\x1f", "\xef\xbf\xbe", "\xef\xbf\xbf"}) {
    for (size_t before = 0; before < 9; ++before) {
      EXPECT_EQ(check_text(std::string(before, 'x') + text + "12345678").fault, TextFault::character) << text;
    }
  }
  EXPECT_EQ(check_text(std::string_view("\0", 1)).fault, TextFault::character);
}

TEST(XmlChars, WaitsForTheRestOfACharacter) {
  EXPECT_EQ(check_text("ab\xe2\x82").valid, 2u);
  EXPECT_EQ(check_text("ab\xe2\x82").fault, TextFault::none);
  EXPECT_EQ(check_text("\xf4").fault, TextFault::none);
}

}  // namespace
}  // namespace rookery::xmpp
