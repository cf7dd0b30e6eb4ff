#include "xmpp/sasl/sasl2.h"

#include <gtest/gtest.h>

#include "xmpp/sasl/sasl_client.h"
#include "xmpp/sasl/sasl_server.h"
#include "xmpp/stream_parser.h"

namespace rookery::xmpp {

namespace {

std::expected<Sasl2Request, SaslError> parse(std::string_view children, std::string_view mechanism = "SCRAM-SHA-256") {
  const std::string xml = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='" + std::string(mechanism) + "'>" +
                          std::string(children) + "</authenticate>";
  return Sasl2Request::parse(**parse_document(xml));
}

SaslError refused(std::string_view children) { return parse(children).error(); }

TEST(Sasl2, ReadsEverythingThatAClientMayAskFor) {
  const auto request = parse(
      "<initial-response>\n  aGVsbG8= \n</initial-response>"
      "<user-agent "
      "id='D4565FA7-4d72-4749-b3d3-740edbf87770'><software>Rook</software><device>Laptop</device></user-agent>"
      "<resume xmlns='urn:xmpp:sm:3' previd='x' h='7'/>"
      "<bind xmlns='urn:xmpp:bind:0'><tag>Rook</tag></bind>"
      "<fast xmlns='urn:xmpp:fast:0' count='3' invalidate='1'/>"
      "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>"
      "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>"
      "<config-version xmlns='urn:xmpp:iap:0' value='v'/>"
      "<unheard-of xmlns='urn:example'/>");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->mechanism, "SCRAM-SHA-256");
  EXPECT_EQ(request->initial_response, "hello");
  EXPECT_EQ(request->agent.id, "d4565fa7-4d72-4749-b3d3-740edbf87770");
  EXPECT_EQ(request->agent.software, "Rook");
  EXPECT_EQ(request->agent.device, "Laptop");
  EXPECT_EQ(request->resume, (SmResume{.handled = 7, .previous_id = "x"}));
  EXPECT_EQ(request->bind->child_text("tag", "urn:xmpp:bind:0"), "Rook");
  EXPECT_EQ(request->fast->count, 3u);
  EXPECT_TRUE(request->fast->invalidate);
  EXPECT_EQ(request->token_wish, "HT-SHA-256-NONE");
  EXPECT_EQ(request->upgrades, std::vector<std::string>{"UPGR-SCRAM-SHA-256"});
  EXPECT_EQ(request->config_version, "v");
}

// XEP-0388 §2.2: no initial response and an empty one are two things.
TEST(Sasl2, TellsAnAbsentResponseFromAnEmptyOne) {
  EXPECT_EQ(parse("")->initial_response, std::nullopt);
  EXPECT_EQ(parse("<initial-response/>")->initial_response, "");
  EXPECT_FALSE(parse("")->fast);
  EXPECT_EQ(parse("")->bind, nullptr);
}

TEST(Sasl2, RefusesWhatTheSpecificationsDoNotAllow) {
  EXPECT_EQ(parse("", "").error(), SaslError::invalid_mechanism);
  EXPECT_EQ(refused("<initial-response>!</initial-response>"), SaslError::incorrect_encoding);
  EXPECT_EQ(refused("<user-agent id='phone'/>"), SaslError::malformed_request);
  EXPECT_EQ(refused("<user-agent id=''/>"), SaslError::malformed_request);
  EXPECT_EQ(refused("<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf8777g'/>"), SaslError::malformed_request);
  EXPECT_EQ(refused("<resume xmlns='urn:xmpp:sm:3' previd='x' h='-1'/>"), SaslError::malformed_request);
  EXPECT_EQ(refused("<resume xmlns='urn:xmpp:sm:3' h='1'/>"), SaslError::malformed_request);
  EXPECT_EQ(refused("<fast xmlns='urn:xmpp:fast:0' count='0'/>"), SaslError::malformed_request);
  EXPECT_EQ(refused("<fast xmlns='urn:xmpp:fast:0' count='2147483648'/>"), SaslError::malformed_request);
  EXPECT_EQ(refused("<fast xmlns='urn:xmpp:fast:0' invalidate='maybe'/>"), SaslError::malformed_request);
}

TEST(Sasl2, KeepsOnlySoMuchOfADescriptionAndNoHalfCharacter) {
  std::string device;
  for (int i = 0; i < 200; ++i) device += "\xc3\xa4";
  device.insert(0, "x");
  const auto request = parse("<user-agent><device>" + device + "</device></user-agent>");
  EXPECT_EQ(request->agent.device.size(), 255u);
  EXPECT_EQ(request->agent.device, device.substr(0, 255));
}

TEST(Sasl2, WritesWhatCanBeReadAgain) {
  const auto success = parse_document(sasl2_success("proof", "a&b@example.org", "<more xmlns='urn:example'/>"));
  ASSERT_TRUE(success);
  EXPECT_EQ((*success)->child_text("additional-data", "urn:xmpp:sasl:2"), "cHJvb2Y=");
  EXPECT_EQ((*success)->child_text("authorization-identifier", "urn:xmpp:sasl:2"), "a&b@example.org");
  EXPECT_NE((*success)->child("more", "urn:example"), nullptr);
  const auto plain = parse_document(sasl2_success("", "a@example.org", ""));
  EXPECT_EQ((*plain)->child("additional-data", "urn:xmpp:sasl:2"), nullptr);
  const auto failure = parse_document(sasl2_failure(SaslError::credentials_expired));
  EXPECT_NE((*failure)->child("credentials-expired", "urn:ietf:params:xml:ns:xmpp-sasl"), nullptr);
  const auto challenge = parse_document(sasl2_challenge(""));
  EXPECT_EQ(parse_sasl_data(**challenge), "");
}

// REQ 11: XEP-0515. The server says which TLS it speaks and signs it; a client that speaks another one sees it.
TEST(Sasl2, BothEndsNoticeThatTheySpeakDifferentVersionsOfTls) {
  const auto keys = crypto::derive_scram_keys(crypto::Hash::sha256, "secret", "0123456789abcdef", 10'000);
  const auto answer = [&](std::string client_version, std::string server_version) {
    SaslServer server({.mechanisms = {Mechanism::scram_sha_256},
                       .bindings = {},
                       .external_identity = {},
                       .domain = "example.org",
                       .stream_from = {},
                       .tls_version = std::move(server_version),
                       .nonce_for_tests = {}});
    SaslClient client({.username = "juliet",
                       .password = "secret",
                       .authzid = {},
                       .bindings = {},
                       .tls_version = std::move(client_version),
                       .nonce_for_tests = {}},
                      {"SCRAM-SHA-256"}, {});
    EXPECT_TRUE(client.choose());
    server.start("SCRAM-SHA-256", client.initial_response());
    const auto challenge = server.credentials({.keys = {keys}}).data;
    return client.respond(challenge).has_value();
  };
  EXPECT_TRUE(answer("0304", "0304"));
  EXPECT_FALSE(answer("0304", "0303"));
  EXPECT_FALSE(answer("0303", "0304"));
  EXPECT_TRUE(answer("0304", ""));  // a server that does not know the extension
}

// REQ 10: XEP-0388 §4.7, an authzid has to be the stream's "from" too.
TEST(Sasl2, RefusesAnAuthzidThatIsNotWhoTheStreamIsFrom) {
  const auto start = [](std::string from) {
    SaslServer server({.mechanisms = {Mechanism::plain},
                       .bindings = {},
                       .external_identity = {},
                       .domain = "example.org",
                       .stream_from = std::move(from),
                       .tls_version = {},
                       .nonce_for_tests = {}});
    return server.start("PLAIN", std::string("juliet@example.org\0juliet\0secret", 32));
  };
  EXPECT_EQ(start("").kind, SaslStep::Kind::need_credentials);
  EXPECT_EQ(start("juliet@example.org").kind, SaslStep::Kind::need_credentials);
  EXPECT_EQ(start("romeo@example.org").error, SaslError::invalid_authzid);
}

}  // namespace

}  // namespace rookery::xmpp
