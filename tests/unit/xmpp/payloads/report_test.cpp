#include "xmpp/payloads/report.h"

#include <gmock/gmock.h>

#include "xmpp/namespaces.h"
#include "xmpp/payloads/blocking.h"
#include "xmpp/stream_parser.h"

namespace rookery::xmpp {
namespace {

ElementPtr parse(const std::string& xml) { return parse_document(xml).value(); }
std::string report(const std::string& attributes, const std::string& content = {}) {
  return "<report xmlns='urn:xmpp:reporting:1' " + attributes + ">" + content + "</report>";
}

// XEP-0377 §3-5
TEST(AbuseReport, IsReadAndWritten) {
  const auto element = parse(
      report("reason='urn:xmpp:reporting:spam'",
             "<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@example.com' id='a'/><text xml:lang='en'>Trouble</text>"
             "<text xml:lang='de'>Ärger</text><report-origin/>"));
  const auto parsed = AbuseReport::parse(*element).value();
  EXPECT_EQ(parsed.reason, "urn:xmpp:reporting:spam");
  EXPECT_EQ(parsed.text, "Trouble");
  EXPECT_THAT(parsed.stanza_ids, testing::ElementsAre(AbuseReport::StanzaId{"juliet@example.com", "a"}));
  EXPECT_TRUE(parsed.to_origin);
  EXPECT_FALSE(parsed.to_third_parties);
  auto item = Element::make("item", ns::blocking);
  parsed.add_to(*item);
  EXPECT_EQ(AbuseReport::parse(*item->first_element()).value(), parsed);
}

TEST(AbuseReport, NeedsAReasonAndHasLimits) {
  EXPECT_EQ(AbuseReport::parse(*parse(report(""))).error().condition, Condition::bad_request);
  EXPECT_EQ(
      AbuseReport::parse(*parse(report("reason='x'", "<text>" + std::string(4097, 'a') + "</text>"))).error().condition,
      Condition::not_acceptable);
  std::string ids;
  for (int n = 0; n < 101; ++n) ids += "<stanza-id xmlns='urn:xmpp:sid:0' by='a@b' id='x'/>";
  EXPECT_EQ(AbuseReport::parse(*parse(report("reason='x'", ids))).error().condition, Condition::not_acceptable);
}

// §5: only with a block, and each for its own item.
TEST(AbuseReport, BelongsToOneItemOfABlock) {
  const std::string items =
      "<item jid='a@example.org'/><item jid='b@example.org'>" + report("reason='urn:xmpp:reporting:abuse'") + "</item>";
  const auto block = Blocking::parse(*parse("<block xmlns='urn:xmpp:blocking'>" + items + "</block>")).value();
  ASSERT_EQ(block.reports.size(), 1u);
  EXPECT_EQ(block.reports[0].first.text(), "b@example.org");
  EXPECT_EQ(block.jids.size(), 2u);
  EXPECT_TRUE(
      Blocking::parse(*parse("<unblock xmlns='urn:xmpp:blocking'>" + items + "</unblock>")).value().reports.empty());
}

}  // namespace
}  // namespace rookery::xmpp
