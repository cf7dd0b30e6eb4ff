#include "xmpp/errors.h"

#include <gtest/gtest.h>

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

TEST(StanzaError, SurvivesItsOwnRoundTripForEveryCondition) {
  for (int i = 0; i <= static_cast<int>(Condition::unexpected_request); ++i) {
    const auto condition = static_cast<Condition>(i);
    auto stanza = Element::make("iq", ns::client);
    StanzaError{condition, "why", "precondition-not-met", std::string(ns::pubsub_errors), std::nullopt}.add_to(*stanza);
    const auto parsed = StanzaError::parse(*stanza);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->condition, condition);
    EXPECT_EQ(parsed->type, default_type(condition));
    EXPECT_EQ(parsed->text, "why");
    EXPECT_EQ(parsed->application_name, "precondition-not-met");
    EXPECT_EQ(parsed->application_ns, ns::pubsub_errors);
  }
}

TEST(StanzaError, HasTheNamesAndTypesOfRfc6120) {
  EXPECT_EQ(to_string(Condition::bad_request), "bad-request");
  EXPECT_EQ(to_string(Condition::unexpected_request), "unexpected-request");
  EXPECT_EQ(to_string(Condition::service_unavailable), "service-unavailable");
  EXPECT_EQ(default_type(Condition::service_unavailable), ErrorType::cancel);
  EXPECT_EQ(default_type(Condition::not_authorized), ErrorType::auth);
  EXPECT_EQ(default_type(Condition::jid_malformed), ErrorType::modify);
  EXPECT_EQ(default_type(Condition::resource_constraint), ErrorType::wait);
}

TEST(StanzaError, IsAbsentWithoutAnErrorElement) { EXPECT_FALSE(StanzaError::parse(*Element::make("iq", ns::client))); }

TEST(StanzaError, IsUndefinedWhenTheConditionIsUnknown) {
  auto stanza = Element::make("iq", ns::client);
  stanza->add("error").set_attr("type", "nonsense").add("coffee-is-cold", ns::stanza_errors);
  const auto parsed = StanzaError::parse(*stanza);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->condition, Condition::undefined_condition);
  EXPECT_FALSE(parsed->type);
}

TEST(ErrorReply, SwapsTheAddressesAndKeepsTheIdWithoutTheChildren) {
  auto request = Element::make("iq", ns::client);
  request->set_attr("type", "get").set_attr("id", "7").set_attr("to", "b.example").set_attr("from", "a@a.example/x");
  request->add("query", ns::version);
  EXPECT_EQ(error_reply(*request, {Condition::forbidden, {}, {}, {}, {}})->to_xml(ns::client),
            "<iq type='error' id='7' to='a@a.example/x' from='b.example'><error type='auth'>"
            "<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
  EXPECT_EQ(result_reply(*request)->to_xml(ns::client),
            "<iq type='result' id='7' to='a@a.example/x' from='b.example'/>");
}

TEST(ErrorReply, InventsNoAddresses) {
  EXPECT_EQ(result_reply(*Element::make("iq", ns::client))->to_xml(ns::client), "<iq type='result'/>");
}

TEST(StreamError, IsWrittenWithItsText) {
  EXPECT_EQ((StreamError{StreamCondition::not_well_formed, ""}).to_xml(),
            "<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
  EXPECT_EQ((StreamError{StreamCondition::unsupported_version, "a<b"}).to_xml(),
            "<stream:error><unsupported-version xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
            "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>a&lt;b</text></stream:error>");
  EXPECT_EQ(to_string(StreamCondition::bad_format), "bad-format");
  EXPECT_EQ(to_string(StreamCondition::see_other_host), "see-other-host");
}

}  // namespace
}  // namespace rookery::xmpp
