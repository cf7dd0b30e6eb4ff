#include "xmpp/payloads/omemo.h"

#include <gtest/gtest.h>

#include "xmpp/namespaces.h"

namespace rookery::xmpp::omemo {
namespace {

class OmemoXml : public testing::TestWithParam<Version> {
 protected:
  const Element& only_child(const ElementPtr& parent) { return *parent->first_element(); }
  ElementPtr parent = Element::make("item", ns::pubsub);
};
INSTANTIATE_TEST_SUITE_P(Both, OmemoXml, testing::Values(Version::legacy, Version::v2));

EncryptedMessage sample(Version version) {
  EncryptedMessage message{.version = version, .sender_device = 27183};
  const bool named = version == Version::v2;
  message.keys = {{{named ? "juliet@capulet.lit" : "", 31415}, "one", false},
                  {{named ? "romeo@montague.lit" : "", 1337}, "two", true},
                  {{named ? "romeo@montague.lit" : "", 12321}, "three", false}};
  if (version == Version::legacy) message.iv = "twelve bytes";
  message.payload = "payload";
  return message;
}

TEST_P(OmemoXml, DeviceListsSurviveTheRoundTrip) {
  add_device_list(*parent, GetParam(), {1, 31415, 0x7fffffff});
  EXPECT_EQ(parse_device_list(GetParam(), only_child(parent)), (std::vector<uint32_t>{1, 31415, 0x7fffffff}));
}

TEST_P(OmemoXml, DeviceListsLeaveOutWhatIsNoDeviceIdAndRepetitions) {
  const Version version = GetParam();
  Element& list = version == Version::v2 ? parent->add("devices", ns::omemo) : parent->add("list", ns::omemo_legacy);
  for (const auto* id : {"7", "0", "2147483648", "-1", "x", "", "7", "8"}) list.add("device").set_attr("id", id);
  EXPECT_EQ(parse_device_list(version, list), (std::vector<uint32_t>{7, 8}));
}

TEST_P(OmemoXml, BundlesSurviveTheRoundTrip) {
  const Bundle bundle{GetParam(), 9, "signed", "signature", "identity", {{1, "a"}, {2, "b"}, {0xfffffe, "c"}}};
  add_bundle(*parent, bundle);
  EXPECT_EQ(parse_bundle(GetParam(), only_child(parent)).value(), bundle);
}

TEST_P(OmemoXml, BundlesWithAMissingPartAreRefused) {
  const Bundle whole{GetParam(), 9, "signed", "signature", "identity", {{1, "a"}}};
  add_bundle(*parent, whole);
  size_t parts = 0;
  for (const Element& part : only_child(parent).elements()) {
    ElementPtr copy = parent->clone();
    Element* bundle = copy->child("bundle", only_child(parent).ns());
    bundle->remove(*bundle->child(part.name(), part.ns()));
    EXPECT_FALSE(parse_bundle(GetParam(), *bundle)) << part.name();
    ++parts;
  }
  EXPECT_EQ(parts, 4U);
  EXPECT_FALSE(parse_bundle(GetParam() == Version::v2 ? Version::legacy : Version::v2, only_child(parent)));
}

TEST_P(OmemoXml, MessagesSurviveTheRoundTrip) {
  const EncryptedMessage message = sample(GetParam());
  add_encrypted(*parent, message);
  ASSERT_EQ(find_encrypted(*parent), &only_child(parent));
  EXPECT_EQ(parse_encrypted(only_child(parent)).value(), message);
}

TEST_P(OmemoXml, EmptyMessagesHaveNoPayload) {
  EncryptedMessage message = sample(GetParam());
  message.payload.reset();
  add_encrypted(*parent, message);
  EXPECT_EQ(parse_encrypted(only_child(parent)).value(), message);
}

TEST_P(OmemoXml, UnreadableKeysAreLeftOut) {
  add_encrypted(*parent, sample(GetParam()));
  Element* encrypted = parent->child("encrypted", only_child(parent).ns());
  Element* header = encrypted->child("header", encrypted->ns());
  Element* keys = GetParam() == Version::v2 ? header->child("keys", header->ns()) : header;
  keys->add("key").set_attr("rid", "5").add_text("*** no base64 ***");
  keys->add("key").set_attr("rid", "x").add_text("QUJD");
  EXPECT_EQ(parse_encrypted(*encrypted).value().keys.size(), 3U);
}

TEST_P(OmemoXml, MessagesWithoutASendingDeviceAreRefused) {
  add_encrypted(*parent, sample(GetParam()));
  Element* encrypted = parent->child("encrypted", only_child(parent).ns());
  encrypted->child("header", encrypted->ns())->remove_attr("sid");
  EXPECT_FALSE(parse_encrypted(*encrypted));
}

TEST(OmemoXmlForm, OfVersion2IsThatOfTheSpecification) {
  ElementPtr parent = Element::make("message", ns::client);
  add_encrypted(*parent, sample(Version::v2));
  EXPECT_EQ(parent->to_xml(ns::client),
            "<message><encrypted xmlns='urn:xmpp:omemo:2'><header sid='27183'>"
            "<keys jid='juliet@capulet.lit'><key rid='31415'>b25l</key></keys>"
            "<keys jid='romeo@montague.lit'><key rid='1337' kex='true'>dHdv</key><key rid='12321'>dGhyZWU=</key></keys>"
            "</header><payload>cGF5bG9hZA==</payload></encrypted></message>");
  EXPECT_EQ(bundles_node(Version::v2, 5), "urn:xmpp:omemo:2:bundles");
  EXPECT_EQ(bundle_item(Version::v2, 5), "5");
}

TEST(OmemoXmlForm, OfTheLegacyVersionIsThatOfOldClients) {
  ElementPtr parent = Element::make("message", ns::client);
  add_encrypted(*parent, sample(Version::legacy));
  EXPECT_EQ(parent->to_xml(ns::client),
            "<message><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='27183'>"
            "<key rid='31415'>b25l</key><key rid='1337' prekey='true'>dHdv</key><key rid='12321'>dGhyZWU=</key>"
            "<iv>dHdlbHZlIGJ5dGVz</iv></header><payload>cGF5bG9hZA==</payload></encrypted></message>");
  EXPECT_EQ(bundles_node(Version::legacy, 5), "eu.siacs.conversations.axolotl.bundles:5");
  EXPECT_EQ(bundle_item(Version::legacy, 5), "current");
}

TEST(OmemoXmlForm, Base64MayContainLineBreaks) {
  ElementPtr parent = Element::make("message", ns::client);
  add_encrypted(*parent, {.version = Version::v2, .sender_device = 1});
  Element* encrypted = parent->child("encrypted", ns::omemo);
  encrypted->add_text_child("payload", "\n  cGF5\n  bG9hZA==\n");
  EXPECT_EQ(parse_encrypted(*encrypted).value().payload, "payload");
}

const Jid romeo = Jid::parse("romeo@montague.lit").value();
const Jid juliet = Jid::parse("juliet@capulet.lit/balcony").value();

/// What to_xml() writes, as a tree.
ElementPtr tree_of(const Envelope& envelope) {
  ElementPtr root = Element::make("envelope", ns::sce);
  root->add_copy(*envelope.content);
  root->add("from").set_attr("jid", envelope.from.text());
  root->add("to").set_attr("jid", envelope.to.text());
  root->add("time").set_attr("stamp", envelope.time);
  return root;
}

TEST(OmemoEnvelope, CarriesTheContentAndWhoWroteToWhom) {
  Envelope envelope = Envelope::make(romeo, juliet);
  envelope.content->add("body", ns::client).add_text("Hello World!");
  envelope.time = "2026-01-25T06:05:00Z";
  const std::string xml = envelope.to_xml();
  EXPECT_TRUE(
      xml.starts_with("<envelope xmlns='urn:xmpp:sce:1'><content><body xmlns='jabber:client'>Hello World!</body>"
                      "</content><from jid='romeo@montague.lit'/><to jid='juliet@capulet.lit'/>"
                      "<time stamp='2026-01-25T06:05:00Z'/><rpad>"))
      << xml;

  const Envelope parsed = Envelope::parse(*tree_of(envelope)).value();
  EXPECT_EQ(parsed.content->child_text("body", ns::client), "Hello World!");
  EXPECT_EQ(parsed.from, romeo);
  EXPECT_EQ(parsed.to, juliet.bare());
  EXPECT_EQ(parsed.time, envelope.time);
}

// REQ 33
TEST(OmemoEnvelope, HidesTheLengthOfShortTexts) {
  size_t shortest = SIZE_MAX;
  size_t longest = 0;
  for (int i = 0; i < 200; ++i) {
    Envelope envelope = Envelope::make(romeo, juliet);
    envelope.content->add("body", ns::client).add_text(i % 2 ? "yes" : "certainly not");
    const size_t size = envelope.to_xml().size();
    shortest = std::min(shortest, size);
    longest = std::max(longest, size);
  }
  EXPECT_GE(shortest, 256U);
  EXPECT_GT(longest, shortest + 50);
}

// REQ 33
TEST(OmemoEnvelope, DoesNotBelongIntoAnotherConversation) {
  const Jid room = Jid::parse("room@chat.capulet.lit").value();
  const Envelope envelope = Envelope::make(romeo, juliet);
  EXPECT_TRUE(envelope.check(romeo, juliet, false));
  EXPECT_FALSE(envelope.check(juliet, juliet, false));
  EXPECT_FALSE(envelope.check(romeo, romeo, false));
  EXPECT_FALSE(envelope.check(romeo, room, true));
  Envelope unaddressed = Envelope::make(romeo, Jid());
  EXPECT_TRUE(unaddressed.check(romeo, juliet, false));
  EXPECT_FALSE(unaddressed.check(romeo, room, true));
}

TEST(OmemoEnvelope, IsRefusedWithoutContentOrWithAMalformedJid) {
  ElementPtr root = Element::make("envelope", ns::sce);
  EXPECT_FALSE(Envelope::parse(*root));
  root->add("content");
  EXPECT_TRUE(Envelope::parse(*root));
  root->add("from").set_attr("jid", "@");
  EXPECT_FALSE(Envelope::parse(*root));
}

}  // namespace
}  // namespace rookery::xmpp::omemo
