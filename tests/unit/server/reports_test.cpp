#include "server/reports.h"

#include <gmock/gmock.h>

#include "tests/unit/server/home/home_fixture.h"

namespace rookery::server {
namespace {

using testing::HasSubstr;

storage::Report report(const std::string& text) {
  return {.id = "r1",
          .time = storage::TimePoint(std::chrono::seconds(1'700'000'000)),
          .reporter = xmpp::Jid::parse("juliet@example.com").value(),
          .reported = xmpp::Jid::parse("spam.example.org").value(),
          .reason = "urn:xmpp:reporting:spam",
          .xml =
              "<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'><stanza-id xmlns='urn:xmpp:sid:0' "
              "by='juliet@example.com' id='a'/>"
              "<text>" +
              text + "</text><third-party/></report>"};
}

TEST(ReportLine, IsOneLineWhateverTheUserWrote) {
  const std::string line =
      report_line(report("one&#10;two \"three\" \xc2\x9b"
                         "31m"));
  EXPECT_EQ(line,
            "2023-11-14T22:13:20Z reporter=juliet@example.com reported=spam.example.org "
            "reason=\"urn:xmpp:reporting:spam\" messages=1 "
            "text=\"one\\u000atwo \\\"three\\\" \\u009b31m\"");
}

TEST(ReportLine, IsAJsonObjectWithAllThatWasSaid) {
  EXPECT_EQ(
      report_json(report("caf\xc3\xa9 \\")),
      R"({"id":"r1","time":"2023-11-14T22:13:20Z","reporter":"juliet@example.com","reported":"spam.example.org",)"
      R"("reason":"urn:xmpp:reporting:spam","text":"café \\","stanza_ids":[{"by":"juliet@example.com","id":"a"}],)"
      R"("to_origin":false,"to_third_parties":true})");
}

class Reports : public HomeFixture {
 protected:
  static Config config() {
    Config config;
    config.reports_notify = {"nurse@localhost"};
    config.reports_per_day = 2;
    return config;
  }
  Reports() : HomeFixture(config()) { add_account("nurse@localhost"); }

  static std::string block(const std::string& id, const std::string& jid) {
    return "<iq type='set' id='" + id + "'><block xmlns='urn:xmpp:blocking'><item jid='" + jid +
           "'><report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'><text>too "
           "much</text></report></item></block></iq>";
  }
  size_t listed(const std::string& since = "-") {
    const std::string out = node->admin({"reports", since, "text"}, "");
    EXPECT_TRUE(out.ends_with("ok\n")) << out;
    return static_cast<size_t>(std::ranges::count(out, '\n')) - 1;
  }
};

// XEP-0377 §5: the block is made in any case.
TEST_F(Reports, AreStoredAnnouncedAndLimited) {
  const std::string juliet = account_on(1, "juliet");
  Client nurse = bind("nurse@localhost", "x");
  nurse.go_online();
  Client client = bind(juliet, "x");
  client.send(block("b1", "one@example.org"));
  ASSERT_TRUE(client.gets("id='b1'"));
  EXPECT_TRUE(nurse.gets("has blocked and reported one@example.org: urn:xmpp:reporting:spam\ntoo much"));
  EXPECT_THAT(node->admin({"reports", "-", "json"}, ""), HasSubstr(R"("reported":"one@example.org")"));
  for (const auto* id : {"b2", "b3"}) {
    client.send(block(id, std::string(id) + "@example.org"));
    ASSERT_TRUE(client.gets(std::string("id='") + id));
  }
  EXPECT_EQ(listed(), 2u);
  EXPECT_TRUE(on_loop_of(
      juliet, [&] { return client.link->session->home().is_blocked(xmpp::Jid::parse("b3@example.org").value()); }));
  EXPECT_EQ(listed("2999-01-01"), 0u);
  EXPECT_EQ(listed("2020-01-01T00:00:00Z"), 2u);
  EXPECT_THAT(node->admin({"reports", "yesterday"}, ""), HasSubstr("is no date"));
}

}  // namespace
}  // namespace rookery::server
