#include "xmpp/payloads/vcard.h"

#include <gtest/gtest.h>

#include "tests/unit/xmpp/payloads/parsing.h"
#include "xmpp/payloads/bookmarks.h"

namespace rookery::xmpp {
namespace {

constexpr const char* temp =
    "<vCard xmlns='vcard-temp'><FN>Peter Saint-Andre</FN><N><FAMILY>Saint-Andre</FAMILY><GIVEN>Peter</GIVEN></N>"
    "<NICKNAME>stpeter</NICKNAME><URL>http://www.xmpp.org/xsf/people/stpeter.shtml</URL><BDAY>1966-08-06</BDAY>"
    "<ORG><ORGNAME>XMPP Standards Foundation</ORGNAME><ORGUNIT>Council</ORGUNIT></ORG><TITLE>Executive Director</TITLE>"
    "<TEL><WORK/><VOICE/><NUMBER>303-308-3282</NUMBER></TEL><ADR><HOME/><LOCALITY>Denver</LOCALITY><CTRY>USA</CTRY></"
    "ADR>"
    "<EMAIL><USERID>stpeter@jabber.org</USERID></EMAIL><JABBERID>stpeter@jabber.org</JABBERID></vCard>";

TEST(Vcard, WhatBothFormsCanSaySurvivesTheWayThereAndBack) {
  const auto four = vcard4_from_temp(*from_xml(temp));
  EXPECT_TRUE(four->is("vcard", "urn:ietf:params:xml:ns:vcard-4.0"));
  EXPECT_EQ(four->child("impp", four->ns())->child_text("uri", four->ns()), "xmpp:stpeter@jabber.org");
  EXPECT_EQ(four->child("tel", four->ns())->child_text("uri", four->ns()), "tel:303-308-3282");
  EXPECT_EQ(vcard_temp_from_4(*four, nullptr)->to_xml(), from_xml(temp)->to_xml());
}

TEST(Vcard, WhatOnlyVcardTempCanSayIsTakenFromThePreviousOne) {
  const auto previous =
      from_xml("<vCard xmlns='vcard-temp'><FN>Old</FN><LOGO><EXTVAL>http://x</EXTVAL></LOGO></vCard>");
  const auto four = from_xml("<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>New</text></fn></vcard>");
  const auto made = vcard_temp_from_4(*four, previous.get());
  EXPECT_EQ(made->child_text("FN", made->ns()), "New");
  EXPECT_NE(made->child("LOGO", made->ns()), nullptr);
}

TEST(Vcard, APhotoIsReadThroughLineBreaksAndRefusedWhenItIsNone) {
  const auto good = find_photo(
      *from_xml("<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>aGVs\n bG8=</BINVAL></PHOTO></vCard>"));
  ASSERT_TRUE(good);
  EXPECT_EQ(good->image, "hello");
  EXPECT_EQ(good->type, "image/png");
  for (const auto* bad : {"<PHOTO><EXTVAL>http://x</EXTVAL></PHOTO>", "<PHOTO><BINVAL/></PHOTO>",
                          "<PHOTO><BINVAL>%%%</BINVAL></PHOTO>", ""}) {
    EXPECT_FALSE(find_photo(*from_xml("<vCard xmlns='vcard-temp'>" + std::string(bad) + "</vCard>"))) << bad;
  }
}

TEST(Bookmarks, BothFormsSayTheSameAndExtensionsAreKept) {
  const auto native = from_xml(
      "<conference xmlns='urn:xmpp:bookmarks:1' name='Play' autojoin='1'><nick>JC</nick><password>s</password>"
      "<extensions><state xmlns='urn:example' minimized='true'/></extensions></conference>");
  const auto bookmark = Bookmark::parse(*native);
  EXPECT_TRUE(bookmark.autojoin);
  EXPECT_EQ(Bookmark::parse(*bookmark.to_conference()), bookmark);
  auto storage = Element::make("storage", "storage:bookmarks");
  bookmark.add_legacy_to(*storage, "theplay@conference.example.org");
  const auto legacy = parse_legacy_bookmarks(*storage);
  ASSERT_TRUE(legacy.contains("theplay@conference.example.org"));
  EXPECT_TRUE(legacy.begin()->second.same_in_legacy(bookmark));
  EXPECT_TRUE(legacy.begin()->second.extensions.empty());
}

TEST(Bookmarks, OnesWithoutARoomAreLeftOut) {
  EXPECT_TRUE(
      parse_legacy_bookmarks(
          *from_xml(
              "<storage xmlns='storage:bookmarks'><conference name='x'/><conference jid='@'/><url url='x'/></storage>"))
          .empty());
}

}  // namespace
}  // namespace rookery::xmpp
