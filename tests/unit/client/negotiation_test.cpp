#include "client/core/net/negotiation.h"

#include <gtest/gtest.h>

#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::client {
namespace {

using Kind = Negotiation::Step::Kind;

struct NegotiationTest : testing::Test {
  Negotiation::Options options{*xmpp::Jid::parse("romeo@example.org"), crypto::Secret(std::string_view("secret")),
                               "orchard", "d4565fa7-4d72-4749-b3d3-740edbf87770"};
  Negotiation negotiation{options};

  Negotiation::Step on(std::string_view xml) {
    auto parsed = xmpp::parse_document(xml, {}, xmpp::ns::client);
    EXPECT_TRUE(parsed) << xml;
    return negotiation.on(**parsed);
  }
  static std::string features(std::string_view inside) {
    return "<features xmlns='http://etherx.jabber.org/streams'>" + std::string(inside) + "</features>";
  }
};

constexpr auto plain_only =
    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>";
constexpr auto scram =
    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256</mechanism></mechanisms>";

// REQ 31
TEST_F(NegotiationTest, AMissingStarttlsIsFinal) {
  negotiation.start(false, {}, {});
  const auto step = on(features(scram));
  EXPECT_EQ(step.kind, Kind::failed);
  EXPECT_TRUE(step.is_final);
}

// REQ 31
TEST_F(NegotiationTest, ARefusedStarttlsIsFinal) {
  negotiation.start(false, {}, {});
  EXPECT_EQ(on(features("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")).kind, Kind::send);
  const auto step = on("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  EXPECT_EQ(step.kind, Kind::failed);
  EXPECT_TRUE(step.is_final);
}

// REQ 31
TEST_F(NegotiationTest, NeverSendsThePasswordInTheClearEvenInsideTls) {
  negotiation.start(true, {}, {});
  const auto step = on(features(plain_only));
  EXPECT_EQ(step.kind, Kind::failed);
  EXPECT_TRUE(step.is_final);
}

// REQ 31
TEST_F(NegotiationTest, DoesNotBelieveASuccessWithoutTheServersProof) {
  negotiation.start(true, {}, {});
  ASSERT_EQ(on(features(scram)).kind, Kind::send);
  EXPECT_EQ(on("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").kind, Kind::failed);
}

TEST_F(NegotiationTest, AWrongPasswordIsNotTriedAgain) {
  negotiation.start(true, {}, {});
  ASSERT_EQ(on(features(scram)).kind, Kind::send);
  const auto step = on("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
  EXPECT_EQ(step.kind, Kind::failed);
  EXPECT_TRUE(step.is_final);
  EXPECT_EQ(step.error.failure, Failure::denied);
}

TEST_F(NegotiationTest, AFailureThatPassesIsTriedAgain) {
  negotiation.start(true, {}, {});
  ASSERT_EQ(on(features(scram)).kind, Kind::send);
  EXPECT_FALSE(on("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><temporary-auth-failure/></failure>").is_final);
}

TEST_F(NegotiationTest, TellsWhyTheServerEndsTheStream) {
  negotiation.start(true, {}, {});
  const auto step =
      on("<error xmlns='http://etherx.jabber.org/streams'><host-unknown "
         "xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>");
  EXPECT_EQ(step.kind, Kind::failed);
  EXPECT_NE(step.error.message.find("host-unknown"), std::string::npos);
}

}  // namespace
}  // namespace rookery::client
