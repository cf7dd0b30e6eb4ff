#include "xmpp/s2s_receiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

using Kind = S2sReceiver::Step::Kind;
using testing::HasSubstr;
using testing::Not;

class Receiving : public testing::Test {
 protected:
  std::set<std::string> proven;  ///< whose certificate was shown
  S2sReceiver::Options options{
      .dialback_secret = "secret",
      .stanza_bytes = 524288,
      .is_ours = [](const std::string& domain) { return domain == "b.example" || domain == "rooms.b.example"; },
      .is_welcome = [](const Jid& peer) { return peer.text() != "spam.example"; },
      .has_proof = [this](const Jid& peer) { return proven.contains(peer.text()); }};

  static S2sReceiver::Step say(S2sReceiver& stream, std::string_view xml) {
    auto element = parse_document(xml, {}, ns::server);
    EXPECT_TRUE(element) << xml;
    return stream.on_element(**element);
  }
  static StreamHeader header(std::string from = "a.example", std::string to = "b.example") {
    return {.to = std::move(to),
            .from = std::move(from),
            .id = {},
            .version = "1.0",
            .lang = {},
            .content_ns = std::string(ns::server)};
  }
  /// The features behind TLS.
  static std::string through_tls(S2sReceiver& stream) {
    EXPECT_THAT(stream.on_header(header(), "s1").xml, HasSubstr("<required/>"));
    EXPECT_EQ(say(stream, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").kind, Kind::start_tls);
    stream.tls_established();
    return stream.on_header(header(), "s2").xml;
  }
  static std::string auth(std::string_view text) {
    return "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>" + std::string(text) + "</auth>";
  }
  static std::string result(std::string_view from, std::string_view to) {
    return "<result xmlns='jabber:server:dialback' from='" + std::string(from) + "' to='" + std::string(to) +
           "'>key</result>";
  }
};

// REQ 4 and 17
TEST_F(Receiving, BeforeTlsNothingIsTakenButStarttls) {
  for (const auto& xml : {auth("="), result("a.example", "b.example"),
                          std::string("<message xmlns='jabber:server' from='a.example' to='b.example'/>")}) {
    S2sReceiver stream(options);
    EXPECT_THAT(stream.on_header(header(), "s1").xml, Not(HasSubstr("dialback")));
    EXPECT_EQ(say(stream, xml).kind, Kind::fail) << xml;
  }
}

TEST_F(Receiving, ACertificateIsTakenForTheStreamsFrom) {
  proven = {"a.example"};
  S2sReceiver stream(options);
  EXPECT_THAT(through_tls(stream), HasSubstr("EXTERNAL"));
  EXPECT_EQ(say(stream, auth("YS5leGFtcGxl")).kind, Kind::restart);
  EXPECT_TRUE(stream.may_speak("a.example", "b.example"));
  EXPECT_FALSE(stream.may_speak("a.example", "rooms.b.example"));
  EXPECT_THAT(stream.on_header(header(), "s3").xml, HasSubstr("<sm xmlns='urn:xmpp:sm:3'/>"));
}

// REQ 17
TEST_F(Receiving, ACertificateDoesNotSpeakForAnother) {
  proven = {"a.example", "c.example"};
  S2sReceiver stream(options);
  through_tls(stream);
  EXPECT_THAT(say(stream, auth("Yy5leGFtcGxl")).xml, HasSubstr("invalid-authzid"));
  EXPECT_FALSE(stream.is_authorised());
}

TEST_F(Receiving, WithoutAProofExternalIsNeitherOfferedNorTaken) {
  S2sReceiver stream(options);
  EXPECT_THAT(through_tls(stream), Not(HasSubstr("EXTERNAL")));
  EXPECT_THAT(say(stream, auth("=")).xml, HasSubstr("not-authorized"));
}

// REQ 17
TEST_F(Receiving, DialbackCountsForThePairThatWasAsked) {
  S2sReceiver stream(options);
  through_tls(stream);
  const auto step = say(stream, result("a.example", "b.example"));
  ASSERT_EQ(step.kind, Kind::verify);
  EXPECT_EQ(step.question.id, "s2");
  EXPECT_EQ(say(stream, "<message xmlns='jabber:server' from='a.example' to='b.example'/>").kind, Kind::fail);

  S2sReceiver other(options);
  through_tls(other);
  const auto question = say(other, result("a.example", "b.example")).question;
  EXPECT_THAT(other.verified(question, true).xml, HasSubstr("type='valid'"));
  EXPECT_TRUE(other.may_speak("a.example", "b.example"));
  EXPECT_FALSE(other.may_speak("c.example", "b.example"));
  EXPECT_EQ(say(other, "<message xmlns='jabber:server' from='a.example' to='b.example'/>").kind, Kind::stanza);
}

// REQ 17
TEST_F(Receiving, AnAnswerThatNobodyAskedForEndsTheStream) {
  S2sReceiver stream(options);
  through_tls(stream);
  EXPECT_EQ(say(stream, "<result xmlns='jabber:server:dialback' from='a.example' to='b.example' type='valid'/>").kind,
            Kind::fail);
  EXPECT_FALSE(stream.is_authorised());
}

TEST_F(Receiving, AWrongKeyAuthorisesNobody) {
  S2sReceiver stream(options);
  through_tls(stream);
  const auto question = say(stream, result("a.example", "b.example")).question;
  EXPECT_THAT(stream.verified(question, false).xml, HasSubstr("type='invalid'"));
  EXPECT_FALSE(stream.is_authorised());
}

TEST_F(Receiving, AsAnAuthorityItKnowsItsOwnKeys) {
  S2sReceiver stream(options);
  through_tls(stream);
  const std::string key = dialback_key("secret", "a.example", "b.example", "i");
  const auto ask = [&](const std::string& what, std::string_view to) {
    return say(stream, "<verify xmlns='jabber:server:dialback' from='a.example' to='" + std::string(to) + "' id='i'>" +
                           what + "</verify>")
        .xml;
  };
  EXPECT_THAT(ask(key, "b.example"), HasSubstr("type='valid'"));
  EXPECT_THAT(ask("forged", "b.example"), HasSubstr("type='invalid'"));
  EXPECT_THAT(ask(key, "elsewhere.example"), HasSubstr("item-not-found"));
}

// REQ 5
TEST_F(Receiving, TheAddressesOfTheStreamAreFrozen) {
  proven = {"a.example", "c.example"};
  S2sReceiver stream(options);
  through_tls(stream);
  say(stream, auth("="));
  EXPECT_EQ(stream.on_header(header("c.example"), "s3").kind, Kind::fail);
}

TEST_F(Receiving, WhoIsNotWelcomeHearsSo) {
  S2sReceiver stream(options);
  EXPECT_EQ(stream.on_header(header("spam.example"), "s1").error.condition, StreamCondition::policy_violation);
  S2sReceiver other(options);
  through_tls(other);
  EXPECT_THAT(say(other, result("spam.example", "b.example")).xml, HasSubstr("policy-violation"));
}

TEST_F(Receiving, WithoutDialbackACertificateIsNeeded) {
  options.may_dialback = false;
  S2sReceiver stream(options);
  EXPECT_THAT(through_tls(stream), Not(HasSubstr("dialback")));
  EXPECT_EQ(say(stream, result("a.example", "b.example")).kind, Kind::fail);
}

}  // namespace
}  // namespace rookery::xmpp
