#include <gtest/gtest.h>

#include "client/core/net/negotiation.h"
#include "xmpp/namespaces.h"
#include "xmpp/sasl/sasl2.h"
#include "xmpp/sasl/sasl_server.h"
#include "xmpp/stream_parser.h"

namespace rookery::client {

namespace {

using Kind = Negotiation::Step::Kind;
namespace ns = xmpp::ns;
using namespace std::chrono_literals;

/// A client, and just enough of a server to answer it.
struct Sasl2LoginTest : testing::Test {
  Negotiation::Options options{*xmpp::Jid::parse("romeo@example.org"), crypto::Secret(std::string_view("secret")),
                               "orchard", "d4565fa7-4d72-4749-b3d3-740edbf87770"};
  Negotiation negotiation{options};
  const xmpp::ChannelBindings bindings{.tls_exporter = {}, .tls_server_end_point = "certificate"};

  static xmpp::ElementPtr parse(std::string_view xml) { return std::move(*xmpp::parse_document(xml, {}, ns::client)); }
  Negotiation::Step on(std::string_view xml) { return negotiation.on(*parse(xml)); }

  Negotiation::Step features(std::vector<std::string_view> fast = {"HT-SHA-256-ENDP", "HT-SHA-256-NONE"}) {
    xmpp::Sasl2Offer offer{
        .mechanisms = {"SCRAM-SHA-256"}, .bind_features = {}, .fast_mechanisms = std::move(fast), .upgrades = {}};
    return on("<features xmlns='http://etherx.jabber.org/streams'>" + offer.to_xml() +
              "<mechanisms "
              "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256</mechanism></mechanisms></features>");
  }
  /// The server's last word to a client that logs in by password; `more` goes into <success/>.
  std::string answer_password(const std::string& authenticate, const std::string& more = {}) {
    const auto request = xmpp::Sasl2Request::parse(*parse(authenticate));
    EXPECT_TRUE(request);
    xmpp::SaslServer server({.mechanisms = {xmpp::Mechanism::scram_sha_256}, .domain = "example.org"});
    server.start(request->mechanism, request->initial_response);
    const auto keys = crypto::derive_scram_keys(crypto::Hash::sha256, "secret", "0123456789abcdef", 10'000);
    const auto response = on(xmpp::sasl2_challenge(server.credentials({.keys = {keys}}).data));
    EXPECT_EQ(response.kind, Kind::send) << response.error.message;
    const auto last = server.respond(*xmpp::parse_sasl_data(*parse(response.xml)));
    EXPECT_EQ(last.kind, xmpp::SaslStep::Kind::success);
    return xmpp::sasl2_success(last.data, "romeo@example.org", more);
  }
  std::string token() {
    return xmpp::fast_token_element("token",
                                    std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now() + 1h));
  }
  /// Logs in by password and gets a token.
  void log_in() {
    negotiation.start(true, bindings, {});
    EXPECT_EQ(on(answer_password(features().xml, token())).kind, Kind::wait);
  }
};

TEST_F(Sasl2LoginTest, LogsInWithoutANewStreamAndBindsInThis) {
  negotiation.start(true, bindings, {});
  const auto step = features();
  ASSERT_EQ(step.kind, Kind::send);
  const auto request = xmpp::Sasl2Request::parse(*parse(step.xml));
  EXPECT_EQ(request->mechanism, "SCRAM-SHA-256");
  EXPECT_EQ(request->agent.id, options.agent_id);
  EXPECT_EQ(request->token_wish, "HT-SHA-256-ENDP");
  EXPECT_FALSE(request->fast);
  EXPECT_EQ(on(answer_password(step.xml)).kind, Kind::wait);
  const auto bind = on(
      "<features xmlns='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></features>");
  EXPECT_EQ(bind.kind, Kind::send);
  EXPECT_NE(bind.xml.find("urn:ietf:params:xml:ns:xmpp-bind"), std::string::npos);
}

TEST_F(Sasl2LoginTest, DoesNotBelieveASuccessWithoutTheServersProof) {
  negotiation.start(true, bindings, {});
  features();
  EXPECT_EQ(on(xmpp::sasl2_success("", "romeo@example.org", "")).kind, Kind::failed);
}

TEST_F(Sasl2LoginTest, AWrongPasswordIsNotTriedAgain) {
  negotiation.start(true, bindings, {});
  features();
  const auto step = on(xmpp::sasl2_failure(xmpp::SaslError::not_authorized));
  EXPECT_EQ(step.kind, Kind::failed);
  EXPECT_TRUE(step.is_final);
}

// REQ 13
TEST_F(Sasl2LoginTest, ComesBackWithItsTokenAndWantsProofThatTheServerKnowsIt) {
  log_in();
  negotiation.start(true, bindings, Negotiation::Resume{"session", 7});
  const auto step = features();
  const auto request = xmpp::Sasl2Request::parse(*parse(step.xml));
  EXPECT_EQ(request->mechanism, "HT-SHA-256-ENDP");
  EXPECT_TRUE(request->fast);
  EXPECT_EQ(request->initial_response, xmpp::hashed_token_message("romeo", "token", "certificate"));
  EXPECT_EQ(request->resume, (xmpp::SmResume{.handled = 7, .previous_id = "session"}));
  const auto resumed = on(xmpp::sasl2_success(xmpp::hashed_token_answer("token", "certificate"), "romeo@example.org/x",
                                              "<resumed xmlns='urn:xmpp:sm:3' h='3' previd='session'/>"));
  EXPECT_EQ(resumed.kind, Kind::resumed);
  EXPECT_EQ(negotiation.server_handled(), 3u);
}

TEST_F(Sasl2LoginTest, DoesNotBelieveAServerThatOnlyClaimsToKnowTheToken) {
  log_in();
  negotiation.start(true, bindings, {});
  features();
  EXPECT_EQ(
      on(xmpp::sasl2_success(xmpp::hashed_token_answer("token", "another certificate"), "romeo@example.org", "")).kind,
      Kind::failed);
}

// XEP-0484 §4.1
TEST_F(Sasl2LoginTest, ForgetsATokenThatIsRefusedAndUsesThePassword) {
  log_in();
  negotiation.start(true, bindings, {});
  features();
  const auto step = on(xmpp::sasl2_failure(xmpp::SaslError::credentials_expired));
  ASSERT_EQ(step.kind, Kind::send);
  EXPECT_EQ(xmpp::Sasl2Request::parse(*parse(step.xml))->mechanism, "SCRAM-SHA-256");
  EXPECT_EQ(on(answer_password(step.xml)).kind, Kind::wait);
}

// REQ 31: never downgraded. Somebody took the bound mechanism out of the list: the token is not shown without binding.
TEST_F(Sasl2LoginTest, DoesNotShowABoundTokenWhereTheBindingIsMissing) {
  log_in();
  negotiation.start(true, bindings, {});
  const auto request = xmpp::Sasl2Request::parse(*parse(features({"HT-SHA-256-NONE"}).xml));
  EXPECT_EQ(request->mechanism, "SCRAM-SHA-256");
  EXPECT_FALSE(request->fast);
}

TEST_F(Sasl2LoginTest, LearnsWhatHadArrivedWhenResumingFails) {
  negotiation.start(true, bindings, Negotiation::Resume{"session", 7});
  const auto failed =
      "<failed xmlns='urn:xmpp:sm:3' h='5'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";
  EXPECT_EQ(on(answer_password(features().xml, failed)).kind, Kind::wait);
  EXPECT_EQ(negotiation.server_handled(), 5u);
  // Not asked for again in the old way.
  const auto bind =
      on("<features xmlns='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm "
         "xmlns='urn:xmpp:sm:3'/></features>");
  EXPECT_NE(bind.xml.find("urn:ietf:params:xml:ns:xmpp-bind"), std::string::npos);
}

}  // namespace

}  // namespace rookery::client
