#include "xmpp/stream_parser.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <string>
#include <thread>
#include <vector>

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

constexpr std::string_view kOpen =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
    "to='capulet.example' from='romeo@montague.example' version='1.0' xml:lang='en'>";
constexpr std::string_view kServerOpen =
    "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:server' "
    "xmlns:db='jabber:server:dialback'>";

std::string describe(StreamEvent& event) {
  if (auto* header = std::get_if<StreamHeader>(&event)) {
    return "header " + header->to + "|" + header->from + "|" + header->id + "|" + header->version + "|" + header->lang +
           "|" + header->content_ns;
  }
  if (auto* stanza = std::get_if<ElementPtr>(&event)) return (*stanza)->to_xml();
  if (auto* error = std::get_if<StreamError>(&event)) return "error " + std::string(to_string(error->condition));
  return "end";
}

std::vector<std::string> drain(StreamParser& parser) {
  std::vector<std::string> events;
  while (auto event = parser.next()) events.push_back(describe(*event));
  return events;
}

std::vector<std::string> events_of(std::initializer_list<std::string_view> pieces, ParserLimits limits = {}) {
  StreamParser parser(limits);
  for (const auto piece : pieces) parser.feed(piece);
  return drain(parser);
}

/// The last event of a stream that starts well and goes on with `rest`; every way to split it must agree.
std::string last_event(std::string_view rest, ParserLimits limits = {}, std::string_view open = kOpen) {
  const std::string all = std::string(open).append(rest);
  const auto whole = events_of({all}, limits);
  for (size_t i = 0; i <= all.size(); ++i) {
    EXPECT_EQ(events_of({std::string_view(all).substr(0, i), std::string_view(all).substr(i)}, limits), whole)
        << "split at " << i << " of " << all;
  }
  StreamParser parser(limits);
  for (const char& byte : all) parser.feed({&byte, 1});
  EXPECT_EQ(drain(parser), whole) << "byte by byte: " << all;
  return whole.empty() ? "" : whole.back();
}

StreamParser opened(std::string_view open = kOpen, ParserLimits limits = {}) {
  StreamParser parser(limits);
  parser.feed(open);
  EXPECT_TRUE(std::holds_alternative<StreamHeader>(parser.next().value()));
  return parser;
}

std::string reparsed(const Element& element) {
  const auto again = parse_document(element.to_xml(ns::client), {}, ns::client);
  return again ? (*again)->to_xml(ns::client) : "error";
}

TEST(StreamParser, ReportsTheHeaderAsSent) {
  EXPECT_EQ(events_of({kOpen}),
            (std::vector<std::string>{"header capulet.example|romeo@montague.example||1.0|en|jabber:client"}));
}

TEST(StreamParser, ReportsStanzasAndTheEndInOrder) {
  const std::string rest = " <message><body>hi</body></message>\n<presence/><iq id='1'/></stream:stream>";
  EXPECT_EQ(last_event(rest), "end");
  const auto events = events_of({kOpen, rest});
  ASSERT_EQ(events.size(), 5u);
  EXPECT_EQ(events[1], "<message xmlns='jabber:client'><body>hi</body></message>");
  EXPECT_EQ(events[2], "<presence xmlns='jabber:client'/>");
  EXPECT_EQ(events[3], "<iq xmlns='jabber:client' id='1'/>");
}

TEST(StreamParser, SplitsAnywhereGiveTheSameEvents) {
  for (const std::string_view rest : {
           "<message to='a@b' type=\"chat\"><body>a &lt; b &amp;&#33; \xe2\x82\xac \xf0\x9f\x98\x80</body></message>",
           "<message><body><![CDATA[<not> ]] > &markup;]]></body></message><presence/>",
           "<a b='>' c=\"'>\"  d='/'/>  <b/>",
           "<message><x xmlns='urn:x' xmlns:p='urn:p' p:a='1'><p:y/></x>line\r\nline\rline\n</message>",
           "<s:features xmlns:s='http://etherx.jabber.org/streams'/></stream:stream>ignored <",
       }) {
    EXPECT_FALSE(last_event(rest).starts_with("error")) << rest;
  }
}

TEST(StreamParser, ReportsAStanzaWithItsLastByte) {
  StreamParser parser = opened();
  const std::string stanza = "<message><body>" + std::string(5000, 'x') + "</body></message>";
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < stanza.size(); ++i) {
      EXPECT_FALSE(parser.next());
      parser.feed(std::string_view(stanza).substr(i, 1));
    }
    ASSERT_TRUE(parser.next());
  }
}

TEST(StreamParser, ReportsTheHeaderWithItsLastByte) {
  StreamParser parser;
  for (size_t i = 0; i < kOpen.size(); ++i) {
    EXPECT_FALSE(parser.next());
    parser.feed(kOpen.substr(i, 1));
  }
  EXPECT_TRUE(parser.next());
}

TEST(StreamParser, ReportsMismatchedTagsWithoutWaitingForMore) {
  EXPECT_EQ(last_event("<message><body></message>"), "error not-well-formed");
}

TEST(StreamParser, ExpandsPrefixesOfTheHeaderInEveryStanza) {
  StreamParser parser = opened(kServerOpen);
  for (int i = 0; i < 3; ++i) {
    parser.feed("<db:result to='b'>key</db:result>");
    EXPECT_EQ(drain(parser), (std::vector<std::string>{"<result xmlns='jabber:server:dialback' to='b'>key</result>"}));
  }
}

TEST(StreamParser, KeepsDifferentDeclarationsOfStreamsApart) {
  StreamParser one =
      opened("<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client' xmlns:p='urn:one'>");
  StreamParser two =
      opened("<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='urn:other' xmlns:p='urn:&apos;&lt;two'>");
  for (int i = 0; i < 3; ++i) {
    one.feed("<p:a/><b/>");
    two.feed("<p:a/><b/>");
    EXPECT_EQ(drain(one), (std::vector<std::string>{"<a xmlns='urn:one'/>", "<b xmlns='jabber:client'/>"}));
    EXPECT_EQ(drain(two), (std::vector<std::string>{"<a xmlns='urn:&apos;&lt;two'/>", "<b xmlns='urn:other'/>"}));
  }
  one.feed("</s:stream>");
  EXPECT_EQ(drain(one), (std::vector<std::string>{"end"}));
  two.feed("</stream:stream>");
  EXPECT_EQ(drain(two), (std::vector<std::string>{"error not-well-formed"}));
}

TEST(StreamParser, DoesNotLeakAStanzasPrefixIntoTheNext) {
  EXPECT_EQ(last_event("<a xmlns:p='urn:p'><p:b/></a><p:c/>"), "error not-well-formed");
}

TEST(StreamParser, AcceptsAStreamWhoseDefaultNamespaceIsStreams) {
  const auto open = "<stream xmlns='http://etherx.jabber.org/streams' xmlns:c='jabber:client'>";
  EXPECT_EQ(last_event("<c:message/>", {}, open), "<message xmlns='jabber:client'/>");
  EXPECT_EQ(last_event("<c:message/></stream>", {}, open), "end");
}

TEST(StreamParser, HandlesRedefinedDefaultNamespaces) {
  EXPECT_EQ(last_event("<m><x xmlns='urn:x'><y/><z xmlns=''/></x><w/></m>"),
            "<m xmlns='jabber:client'><x xmlns='urn:x'><y/><z xmlns=''/></x><w/></m>");
}

TEST(StreamParser, KnowsXmlLangWhateverSetsIt) {
  StreamParser parser = opened();
  parser.feed("<m xml:lang='de' xmlns:p='urn:p' p:lang='x'/>");
  auto event = parser.next().value();
  Element& stanza = *std::get<ElementPtr>(event);
  EXPECT_EQ(stanza.attr("xml:lang"), "de");
  EXPECT_FALSE(stanza.has_attr("lang"));
  stanza.set_attr("xml:lang", "en");
  EXPECT_EQ(stanza.to_xml(ns::client), "<m xml:lang='en' xmlns:ns1='urn:p' ns1:lang='x'/>");
  EXPECT_EQ(reparsed(stanza), stanza.to_xml(ns::client));
}

TEST(StreamParser, JoinsTextThatCameInPieces) {
  StreamParser parser = opened();
  std::string lines;
  for (int i = 0; i < 4000; ++i) lines += "line &amp; line\n";
  parser.feed("<m>" + lines + "</m>");
  auto event = parser.next().value();
  const Element& stanza = *std::get<ElementPtr>(event);
  EXPECT_EQ(stanza.text().size(), lines.size() - 4000 * 4);
  EXPECT_EQ(stanza.first_node()->next_node(), nullptr);
  EXPECT_EQ(reparsed(stanza), stanza.to_xml(ns::client));
}

// REQ 7
TEST(StreamParser, RefusesRestrictedXmlEverywhere) {
  for (const std::string_view rest :
       {"<!-- c -->", "<m><!-- c --></m>", "<?pi x?>", "<m><?pi x?></m>", "<?xml version='1.0'?>", "<m>&custom;</m>",
        "<m a='&custom;'/>", "<!DOCTYPE m>", "<m><!DOCTYPE m></m>"}) {
    EXPECT_EQ(last_event(rest), "error restricted-xml") << rest;
  }
  for (const std::string_view open :
       {"<!DOCTYPE x [<!ENTITY a 'b'>]>", "<!-- c -->", "<?pi x?>", "<?xml-stylesheet x?>",
        "<?xml version='1.0'?><?xml version='1.0'?>", "<?xml version='1.0'?><!DOCTYPE x>"}) {
    EXPECT_EQ(last_event("", {}, open), "error restricted-xml") << open;
  }
}

TEST(StreamParser, RefusesWhatIsNotWellFormed) {
  for (const std::string_view rest : {"<m></n>",
                                      "<m a=1/>",
                                      "<m a='1' a='2'/>",
                                      "<m <",
                                      "<m a='<'/>",
                                      "<p:m/>",
                                      "<m>&#0;</m>",
                                      "<m>&#x1;</m>",
                                      "<m>&#xFFFE;</m>",
                                      "<m>&#xD800;</m>",
                                      "<m>&#1114112;</m>",
                                      "<m>a & b</m>",
                                      "<m>]]></m>",
                                      "< m/>",
                                      "</ stream:stream>",
                                      "<m a='1'b='2'/>",
                                      "<m xmlns:p=''/>",
                                      "<>",
                                      "</other>",
                                      "<m><![ ]]></m>",
                                      "<m><![CDATA]]></m>",
                                      "<m>\x01</m>",
                                      "<m>\xef\xbf\xbf</m>",
                                      "<!x"}) {
    EXPECT_EQ(last_event(rest), "error not-well-formed") << rest;
  }
  EXPECT_TRUE(last_event("<m").starts_with("header"));
}

// REQ 7
TEST(StreamParser, RefusesBytesThatAreNotUtf8AfterTheStanzasBeforeThem) {
  for (const std::string_view bad : {"\xff", "\xc0\xbc", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82<"}) {
    const auto events = events_of({kOpen, std::string("<presence/><m>") + std::string(bad)});
    EXPECT_EQ(events,
              (std::vector<std::string>{events[0], "<presence xmlns='jabber:client'/>", "error unsupported-encoding"}));
    EXPECT_EQ(last_event("<presence/><m>" + std::string(bad) + "</m>"), "error unsupported-encoding");
  }
}

TEST(StreamParser, RefusesOtherEncodingsAndOtherProtocols) {
  EXPECT_EQ(last_event("", {}, "<?xml version='1.0' encoding='ISO-8859-1'?>"), "error unsupported-encoding");
  EXPECT_EQ(last_event("", {}, "<?xml version='1.0' encoding='UTF-16'?>"), "error unsupported-encoding");
  EXPECT_EQ(last_event("", {}, "GET / HTTP/1.1\r\n"), "error not-well-formed");
  EXPECT_EQ(last_event("", {}, "\xef\xbb\xbf<a/>"), "error not-well-formed");
  EXPECT_EQ(last_event("", {}, "\x16\x03\x01"), "error not-well-formed");
  const std::string utf8 = "<?xml version='1.0' encoding='utf-8'?>" + std::string(kServerOpen);
  EXPECT_TRUE(last_event("", {}, utf8).starts_with("header"));
}

TEST(StreamParser, RefusesRootsThatAreNoStream) {
  EXPECT_EQ(last_event("", {}, "<stream xmlns='jabber:client'>"), "error invalid-namespace");
  EXPECT_EQ(last_event("", {}, "<stream:stream xmlns:stream='urn:other'>"), "error invalid-namespace");
  EXPECT_EQ(last_event("", {}, "<s:other xmlns:s='http://etherx.jabber.org/streams'>"), "error bad-format");
  EXPECT_EQ(last_event("", {}, "<stream:stream>"), "error not-well-formed");
  EXPECT_EQ(last_event("", {}, "</stream:stream>"), "error not-well-formed");
}

TEST(StreamParser, RefusesTextBetweenStanzas) {
  for (const std::string_view rest : {"x", " <a/> x", "&#32;", "<a/><![CDATA[ ]]>"}) {
    EXPECT_EQ(last_event(rest), "error bad-format") << rest;
  }
}

// REQ 2, REQ 6
TEST(StreamParser, LimitsTheDepthBeforeAnythingIsBuilt) {
  const auto nested = [](size_t depth) {
    std::string xml;
    for (size_t i = 0; i < depth; ++i) xml += "<a>";
    for (size_t i = 0; i < depth; ++i) xml += "</a>";
    return xml;
  };
  EXPECT_FALSE(events_of({kOpen, nested(32)}).back().starts_with("error"));
  EXPECT_EQ(events_of({kOpen, nested(33)}).back(), "error policy-violation");
  StreamParser parser = opened();
  for (int i = 0; i < 32; ++i) parser.feed("<a>");
  EXPECT_FALSE(parser.next());
  parser.feed("<a>");
  EXPECT_EQ(drain(parser), (std::vector<std::string>{"error policy-violation"}));
  EXPECT_EQ(events_of({kOpen, nested(10'000)}).back(), "error policy-violation");
}

// REQ 2, REQ 6
TEST(StreamParser, LimitsElementsAndAttributesOfEachStanza) {
  const ParserLimits limits{1000, 4, 2, 8};
  EXPECT_FALSE(last_event("<a><b/><c/><d/></a>", limits, kServerOpen).starts_with("error"));
  EXPECT_FALSE(last_event("<a><b/><c/><d/></a><a><b/><c/><d/></a>", limits, kServerOpen).starts_with("error"));
  EXPECT_EQ(last_event("<a><b/><c/><d/><e/>", limits, kServerOpen), "error policy-violation");
  EXPECT_FALSE(last_event("<a a='1' b='2'/>", limits, kServerOpen).starts_with("error"));
  EXPECT_EQ(last_event("<a a='1' b='2' c='3'/>", limits, kServerOpen), "error policy-violation");
  EXPECT_EQ(last_event("", limits, "<s:stream xmlns:s='http://etherx.jabber.org/streams' to='1' id='2' from='3'>"),
            "error policy-violation");
}

// REQ 2, REQ 6
TEST(StreamParser, LimitsTheBytesOfAStanzaWhileItIsStillComing) {
  const ParserLimits limits{130, 100, 10, 8};
  const std::string fits = "<m>" + std::string(123, 'x') + "</m>";
  EXPECT_FALSE(last_event(fits + "\n" + fits, limits, kServerOpen).starts_with("error"));
  EXPECT_EQ(last_event("<m>" + std::string(124, 'x') + "</m>", limits, kServerOpen), "error policy-violation");
  EXPECT_EQ(last_event("<m>" + std::string(128, 'x'), limits, kServerOpen), "error policy-violation");
  EXPECT_FALSE(last_event("<m>" + std::string(127, 'x'), limits, kServerOpen).starts_with("error"));
  EXPECT_EQ(last_event("<m a='" + std::string(128, 'x'), limits, kServerOpen), "error policy-violation");
  EXPECT_EQ(last_event("", limits, "<s:stream a='" + std::string(128, 'x')), "error policy-violation");
  EXPECT_EQ(last_event("", limits, "<?xml " + std::string(128, ' ')), "error policy-violation");
  EXPECT_EQ(last_event("<m>" + std::string(150, 'x') + "<!-- -->", limits, kServerOpen), "error policy-violation");
  EXPECT_FALSE(last_event(std::string(1000, ' '), limits, kServerOpen).starts_with("error"));
}

// REQ 6: two bytes of a prefix stand for all of its namespace, in the tree and in whatever is written from it.
TEST(StreamParser, LimitsWhatNamespacesExpandTo) {
  const std::string longest(512, 'n');
  const auto declares = [](const std::string& ns, const std::string& content) {
    return "<a xmlns:p='" + ns + "'>" + content + "</a>";
  };
  EXPECT_FALSE(events_of({kOpen, declares(longest, "<p:b p:c='1'/>")}).back().starts_with("error"));
  EXPECT_EQ(events_of({kOpen, declares(longest + "n", "<p:b/>")}).back(), "error policy-violation");
  EXPECT_EQ(events_of({kOpen, declares(longest + "n", "<b p:c='1'/>")}).back(), "error policy-violation");
  const std::string header =
      "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='";
  EXPECT_TRUE(events_of({header + longest + "'>"}).back().starts_with("header"));
  EXPECT_EQ(events_of({header + longest + "n'>"}).back(), "error policy-violation");

  const auto many = [](int count, const std::string& element) {
    std::string xml;
    for (int i = 0; i < count; ++i) xml += element;
    return xml;
  };
  const ParserLimits limits{.stanza_bytes = 10'000, .elements = 1000};
  EXPECT_FALSE(events_of({kOpen, declares(longest, many(19, "<p:b/>"))}, limits).back().starts_with("error"));
  EXPECT_EQ(events_of({kOpen, declares(longest, many(20, "<p:b/>"))}, limits).back(), "error policy-violation");
  EXPECT_EQ(events_of({kOpen, declares(longest, many(20, "<b p:c='1'/>"))}, limits).back(), "error policy-violation");
  // Each stanza counts for itself, and what is inherited is not written again.
  const std::string half = declares(longest, many(10, "<p:b/>"));
  EXPECT_FALSE(events_of({kOpen, half, half, half}, limits).back().starts_with("error"));
  EXPECT_FALSE(events_of({kOpen, declares(longest, "<p:b>" + many(100, "<p:b/>") + "</p:b>")}, limits)
                   .back()
                   .starts_with("error"));
}

// REQ 6: before expat sees a tag, because it would expand all of it before it asks.
TEST(StreamParser, LimitsTheDeclarationsOfATag) {
  const auto tag = [](int declarations) {
    std::string xml = "<a";
    for (int i = 0; i < declarations; ++i) xml += " xmlns:p" + std::to_string(i) + "='u'";
    return xml + "/>";
  };
  EXPECT_FALSE(events_of({kOpen, tag(128)}).back().starts_with("error"));
  EXPECT_EQ(events_of({kOpen, tag(129)}).back(), "error policy-violation");
}

TEST(StreamParser, ParsesNothingAfterAnError) {
  StreamParser parser = opened();
  parser.feed("<m></n>");
  EXPECT_TRUE(parser.has_pending());
  EXPECT_EQ(drain(parser).size(), 1u);
  parser.feed("<presence/>");
  EXPECT_FALSE(parser.next());
  EXPECT_FALSE(parser.has_pending());
}

// REQ 3
TEST(StreamParser, KnowsWhatIsPending) {
  StreamParser parser = opened();
  EXPECT_FALSE(parser.has_pending());
  parser.feed(" \n");
  EXPECT_FALSE(parser.has_pending());
  for (const std::string_view piece : {"<", "m>", "x", "</m"}) {
    parser.feed(piece);
    EXPECT_TRUE(parser.mid_stanza());
  }
  parser.feed("> ");
  EXPECT_FALSE(parser.mid_stanza());
  EXPECT_TRUE(parser.has_pending());
  EXPECT_EQ(drain(parser).size(), 1u);
  EXPECT_FALSE(parser.has_pending());
}

// REQ 3
TEST(StreamParser, StartsANewStreamAfterReset) {
  StreamParser parser = opened();
  parser.feed("<starttls/><m>");
  parser.reset();
  EXPECT_FALSE(parser.has_pending());
  parser.feed(std::string("\n") + std::string(kServerOpen) + "<a/>");
  EXPECT_EQ(drain(parser), (std::vector<std::string>{"header |||||jabber:server", "<a xmlns='jabber:server'/>"}));
}

TEST(StreamParser, TakesAStreamThatClosesAtOnce) {
  EXPECT_EQ(last_event("", {}, "<s:stream xmlns:s='http://etherx.jabber.org/streams'/>"), "end");
}

std::vector<StreamParser> idle_parsers(size_t count) {
  std::vector<StreamParser> parsers;
  parsers.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    StreamParser parser;
    parser.feed(kOpen);
    parser.feed("<message><body>" + std::string(3000, 'x'));
    parser.feed("</body></message> \n");
    drain(parser);
    parsers.push_back(std::move(parser));
  }
  return parsers;
}

TEST(StreamParser, HoldsUnder200BytesBetweenStanzas) {
  const auto warm = idle_parsers(100);  // fills this thread's pools
  const size_t before = mallinfo2().uordblks;
  const auto parsers = idle_parsers(2000);
  const size_t after = mallinfo2().uordblks;
  if (before == 0 && after == 0) GTEST_SKIP() << "a sanitizer's allocator counts elsewhere";
  EXPECT_LT((after - before) / parsers.size(), 200u + sizeof(StreamParser));
}

TEST(StreamParser, MayMoveBetweenThreadsInsideAStanza) {
  StreamParser parser = opened();
  parser.feed("<m><a/>");
  std::thread([&] { parser.feed("<b/>"); }).join();
  parser.feed("</m><n/>");
  EXPECT_EQ(drain(parser).size(), 2u);
}

TEST(StreamParser, ParsesManyStanzasWhoseNamesAllDiffer) {
  StreamParser parser = opened();
  for (int i = 0; i < 50'000; ++i) {
    parser.feed("<m" + std::to_string(i) + " a" + std::to_string(i) + "='some value that takes a little room'/>");
    ASSERT_TRUE(parser.next());
  }
}

TEST(ParseDocument, UsesTheNamespaceInScope) {
  EXPECT_EQ(parse_document("<message><body>x</body></message>", {}, ns::client).value()->to_xml(),
            "<message xmlns='jabber:client'><body>x</body></message>");
  EXPECT_EQ(parse_document("<message/>").value()->ns(), "");
  EXPECT_EQ(parse_document("<message/>", {}, "urn:<odd>'").value()->ns(), "urn:<odd>'");
  EXPECT_EQ(parse_document("<open xmlns='urn:x'/>", {}, ns::client).value()->ns(), "urn:x");
  EXPECT_EQ(parse_document(" <?xml version='1.0' encoding='UTF-8'?>\n<a/> \n").value()->name(), "a");
}

TEST(ParseDocument, WantsExactlyOneCompleteElement) {
  for (const std::string_view xml : {"", " ", "x", "<a>", "<a/><b/>", "<a/>x", "<a/></document>", "</document>",
                                     "<a></b>", "<a/>\xc3", "<a/><", "<![CDATA[x]]>", "<?xml version='1.0'?>"}) {
    const auto parsed = parse_document(xml);
    ASSERT_FALSE(parsed) << xml;
    EXPECT_EQ(parsed.error().condition, StreamCondition::not_well_formed) << xml;
  }
  for (const std::string_view xml : {"<a/><!-- c -->", "<!DOCTYPE a><a/>", "<a/><?pi?>", "<a>&b;</a>"}) {
    EXPECT_EQ(parse_document(xml).error().condition, StreamCondition::restricted_xml) << xml;
  }
  EXPECT_EQ(parse_document("<a><b><c/></b></a>", {1000, 10, 10, 2}).error().condition,
            StreamCondition::policy_violation);
}

// REQ 7
// What came in at the limit is longer once it is written.
TEST(ParseDocument, ReadsWhatWasWrittenOfTheLargestStanza) {
  const std::string largest = "<a>" + std::string(ParserLimits().stanza_bytes - 7, '\'') + "</a>";
  const auto came = parse_document(largest);
  ASSERT_TRUE(came);
  const std::string written = (*came)->to_xml();
  EXPECT_FALSE(parse_document(written));
  const auto read = parse_own(written);
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)->text(), (*came)->text());
}

TEST(ParseDocument, RoundTripsWhatItParsed) {
  for (const std::string_view xml :
       {"<m a='&#10;&#9;&#13; &quot;&apos;'>&#13;\n\t]]&gt;</m>",
        "<p:m xmlns:p='urn:p' p:a='1' a='2'><p:n/><o xmlns='urn:p'/></p:m>", "<xml:x/>",
        "<s:error xmlns:s='http://etherx.jabber.org/streams'><s:a/><b/></s:error>",
        "<m xmlns=''><n xmlns='urn:n'/></m>", "<m xmlns:a='urn:a' xmlns:b='urn:b'><x a:i='1' b:i='2' a:j='3'/></m>",
        "<m>\xef\xbf\xbd\xf4\x8f\xbf\xbf</m>"}) {
    const auto parsed = parse_document(xml, {}, ns::client);
    ASSERT_TRUE(parsed) << xml;
    EXPECT_EQ(reparsed(**parsed), (*parsed)->to_xml(ns::client)) << xml;
  }
}

}  // namespace
}  // namespace rookery::xmpp
