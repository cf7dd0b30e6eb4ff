#include "xmpp/s2s_initiator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

using Kind = S2sInitiator::Step::Kind;
using testing::HasSubstr;

constexpr auto starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
constexpr auto proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
constexpr auto external =
    "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>";
constexpr auto dialback = "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>";

class Opening : public testing::Test {
 protected:
  S2sInitiator::Options options{
      .from = *Jid::parse("a.example"), .to = *Jid::parse("b.example"), .dialback_secret = "secret", .question = {}};

  static S2sInitiator::Step say(S2sInitiator& peer, std::string_view xml) {
    auto element = parse_document(xml, {}, ns::server);
    EXPECT_TRUE(element) << xml;
    return peer.on_element(**element);
  }
  static S2sInitiator::Step features(S2sInitiator& peer, std::string_view children) {
    return say(peer, "<features xmlns='http://etherx.jabber.org/streams'>" + std::string(children) + "</features>");
  }
  static StreamHeader header(std::string id = "s1") {
    return {.to = "a.example",
            .from = "b.example",
            .id = std::move(id),
            .version = "1.0",
            .lang = {},
            .content_ns = std::string(ns::server)};
  }
  /// As far as the features behind TLS.
  static void through_tls(S2sInitiator& peer, bool is_verified) {
    EXPECT_EQ(peer.on_header(header()).kind, Kind::wait);
    EXPECT_THAT(features(peer, starttls).xml, HasSubstr("<starttls"));
    EXPECT_EQ(say(peer, proceed).kind, Kind::start_tls);
    EXPECT_EQ(peer.tls_established(is_verified).kind, Kind::restart);
    EXPECT_EQ(peer.on_header(header("s2")).kind, Kind::wait);
  }
};

// REQ 17
TEST_F(Opening, AServerWithoutTlsIsRefused) {
  S2sInitiator peer(options);
  peer.on_header(header());
  EXPECT_EQ(features(peer, dialback).kind, Kind::refused);
  S2sInitiator old(options);
  auto without_version = header();
  without_version.version.clear();
  EXPECT_EQ(old.on_header(without_version).kind, Kind::refused);
}

TEST_F(Opening, TheCertificateIsEnough) {
  S2sInitiator peer(options);
  through_tls(peer, true);
  EXPECT_THAT(features(peer, std::string(external) + dialback).xml, HasSubstr("mechanism='EXTERNAL'>YS5leGFtcGxl<"));
  EXPECT_EQ(say(peer, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").kind, Kind::restart);
  peer.on_header(header("s3"));
  const auto ready = features(peer, "<sm xmlns='urn:xmpp:sm:3'/>");
  EXPECT_EQ(ready.kind, Kind::ready);
  EXPECT_THAT(ready.xml, HasSubstr("<enable"));
  EXPECT_EQ(peer.method(), "EXTERNAL");
}

TEST_F(Opening, DialbackFollowsAFailedExternal) {
  S2sInitiator peer(options);
  through_tls(peer, true);
  features(peer, std::string(external) + dialback);
  const auto step = say(peer, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
  EXPECT_THAT(step.xml, HasSubstr(dialback_key("secret", "b.example", "a.example", "s2")));
  EXPECT_EQ(say(peer, "<result xmlns='jabber:server:dialback' from='b.example' to='a.example' type='valid'/>").kind,
            Kind::ready);
  EXPECT_EQ(peer.method(), "dialback");
}

// REQ 17
TEST_F(Opening, WithoutDialbackAnUntrustedCertificateIsTheEnd) {
  options.may_dialback = false;
  S2sInitiator peer(options);
  peer.on_header(header());
  features(peer, starttls);
  say(peer, proceed);
  EXPECT_EQ(peer.tls_established(false).kind, Kind::refused);
}

// REQ 17
TEST_F(Opening, AnAnswerForAnotherPairDoesNotCount) {
  S2sInitiator peer(options);
  through_tls(peer, false);
  features(peer, dialback);
  EXPECT_EQ(say(peer, "<result xmlns='jabber:server:dialback' from='c.example' to='a.example' type='valid'/>").kind,
            Kind::wait);
  EXPECT_EQ(say(peer, "<result xmlns='jabber:server:dialback' from='b.example' to='d.example' type='valid'/>").kind,
            Kind::wait);
  EXPECT_EQ(
      say(peer, "<verify xmlns='jabber:server:dialback' from='b.example' to='a.example' id='s2' type='valid'/>").kind,
      Kind::wait);
  EXPECT_EQ(say(peer, "<result xmlns='jabber:server:dialback' from='b.example' to='a.example' type='invalid'/>").kind,
            Kind::refused);
}

// REQ 17
TEST_F(Opening, AQuestionIsAnsweredByItsOwnAnswerAlone) {
  options.question = S2sInitiator::Question{"their-id", "their-key"};
  S2sInitiator peer(options);
  through_tls(peer, false);
  EXPECT_THAT(features(peer, std::string(external) + dialback).xml,
              HasSubstr("<db:verify from='a.example' to='b.example' id='their-id'>their-key<"));
  EXPECT_EQ(
      say(peer, "<verify xmlns='jabber:server:dialback' from='b.example' to='a.example' id='other' type='valid'/>")
          .kind,
      Kind::wait);
  EXPECT_EQ(say(peer, "<result xmlns='jabber:server:dialback' from='b.example' to='a.example' type='valid'/>").kind,
            Kind::wait);
  const auto answer =
      say(peer, "<verify xmlns='jabber:server:dialback' from='b.example' to='a.example' id='their-id' type='valid'/>");
  EXPECT_EQ(answer.kind, Kind::answered);
  EXPECT_TRUE(answer.is_valid);
}

TEST_F(Opening, AStreamErrorIsTheEnd) {
  S2sInitiator peer(options);
  peer.on_header(header());
  const auto step = say(peer,
                        "<error xmlns='http://etherx.jabber.org/streams'><host-unknown "
                        "xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>");
  EXPECT_EQ(step.kind, Kind::refused);
  EXPECT_THAT(step.text, HasSubstr("host-unknown"));
}

}  // namespace
}  // namespace rookery::xmpp
