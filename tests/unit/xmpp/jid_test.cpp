#include "xmpp/jid.h"

#include <gtest/gtest.h>

#include <vector>

namespace rookery::xmpp {
namespace {

std::string parsed(std::string_view text) {
  const auto jid = Jid::parse(text);
  return jid ? jid->text() : "refused: " + jid.error().message;
}
bool refused(std::string_view text) { return !Jid::parse(text); }

// REQ 10
TEST(Jid, AcceptsTheValidExamplesOfRfc7622) {  // §3.5, table 1
  const std::vector<std::string> unchanged = {
      "juliet@example.com",         "juliet@example.com/foo",     "juliet@example.com/foo bar",
      "juliet@example.com/foo@bar", "foo\\20bar@example.com",     "fussball@example.com",
      "fu\u00DFball@example.com",   "\u03C0@example.com",         "\u03C3@example.com/foo",
      "\u03C2@example.com/foo",     "king@example.com/\u265A",    "example.com",
      "example.com/foobar",         "a.example.com/b@example.net"};
  for (const auto& text : unchanged) EXPECT_EQ(parsed(text), text);
  EXPECT_EQ(parsed("\u03A3@example.com/foo"), "\u03C3@example.com/foo");
}

// REQ 10
TEST(Jid, RefusesTheInvalidExamplesOfRfc7622) {  // §3.5, table 2
  for (const auto* text : {"\"juliet\"@example.com", "foo bar@example.com", "juliet@example.com/ foo", "@example.com/",
                           "henry\u2163@example.com", "\u265A@example.com", "juliet@", "/foobar"})
    EXPECT_TRUE(refused(text)) << text;
}

TEST(Jid, SplitsIntoParts) {
  const auto jid = Jid::parse("Juliet@Example.COM/Balcony/x@y").value();
  EXPECT_EQ(jid.local(), "juliet");
  EXPECT_EQ(jid.domain(), "example.com");
  EXPECT_EQ(jid.resource(), "Balcony/x@y");
  EXPECT_EQ(jid.bare_text(), "juliet@example.com");
  EXPECT_EQ(jid.bare().text(), "juliet@example.com");
  EXPECT_TRUE(jid.bare().is_bare());
  EXPECT_EQ(jid.domain_jid().text(), "example.com");
  EXPECT_TRUE(jid.domain_jid().is_domain());
  EXPECT_FALSE(jid.is_bare());
  EXPECT_TRUE(jid.same_bare(jid.bare()));
}

TEST(Jid, ReplacesTheResource) {
  const auto jid = Jid::parse("a@b.c/old").value();
  EXPECT_EQ(jid.with_resource("new\u00A0one")->text(), "a@b.c/new one");
  EXPECT_EQ(jid.with_resource("")->text(), "a@b.c");
  EXPECT_FALSE(jid.with_resource("tab\t"));
}

TEST(Jid, IsEmptyByDefault) {
  EXPECT_TRUE(Jid().empty());
  EXPECT_EQ(Jid().domain(), "");
  EXPECT_EQ(Jid().resource(), "");
}

TEST(Jid, RefusesEmptyParts) {
  for (const auto* text : {"", "@", "/", "@/", "a@b.c/", "@b.c", "a@/r", "@b.c/r", ".", "a@."})
    EXPECT_TRUE(refused(text)) << text;
}

TEST(Jid, RefusesEachCharacterExcludedFromLocalparts) {
  for (const char c : std::string_view("\"&':<>")) EXPECT_TRUE(refused("a" + std::string(1, c) + "b@example.com")) << c;
  EXPECT_FALSE(Jid::make("a/b", "example.com"));
  EXPECT_FALSE(Jid::make("a@b", "example.com"));
  EXPECT_TRUE(refused("a\uFF20b@example.com"));  // a full-width @ is one after width mapping
  EXPECT_TRUE(refused("a\uFF0Fb@example.com"));
}

TEST(Jid, AllowsAtMost1023BytesAPart) {
  const std::string most(1023, 'a');
  EXPECT_EQ(parsed(most + "@b.c/" + most), most + "@b.c/" + most);
  EXPECT_TRUE(refused(most + "a@b.c"));
  EXPECT_TRUE(refused("a@b.c/" + most + "a"));
  std::string wide;  // 3 bytes each, 1 byte after width mapping
  for (int i = 0; i < 1023; ++i) wide += "\uFF41";
  EXPECT_EQ(parsed(wide + "@b.c"), most + "@b.c");
  EXPECT_TRUE(refused(wide + "\uFF41@b.c"));
}

TEST(Jid, RefusesMalformedUtf8) {
  for (const auto* text :
       {"a\xC0\xAF@b.c", "a\xED\xA0\x80@b.c", "a@b\xFF.c", "a@b.c/\xF4\x90\x80\x80", "a@b.c/\xE2\x82"})
    EXPECT_TRUE(refused(text));
  EXPECT_TRUE(refused(std::string_view("a\0b@c.d", 7)));
  EXPECT_TRUE(refused(std::string_view("a@b\0c.d", 7)));
  EXPECT_TRUE(refused(std::string_view("a@b.c/\0", 7)));
}

TEST(Jid, NormalisesDomains) {
  EXPECT_EQ(parsed("EXAMPLE.com."), "example.com");
  EXPECT_EQ(parsed("B\u00DCcher.example"), "b\u00FCcher.example");
  EXPECT_EQ(parsed("xn--bcher-kva.example"), "b\u00FCcher.example");
  EXPECT_EQ(parsed("XN--BCHER-KVA.example."), "b\u00FCcher.example");
  EXPECT_EQ(parsed("bu\u0308cher.example"), "b\u00FCcher.example");  // NFC
  EXPECT_EQ(parsed("fa\u00DF.example"), "fa\u00DF.example");         // not transitional
  EXPECT_EQ(parsed("\u4F8B\u3048\u3002\u30C6\u30B9\u30C8"), "\u4F8B\u3048.\u30C6\u30B9\u30C8");
}

TEST(Jid, RefusesWhatIsNoHostName) {
  const std::string label(64, 'a');
  for (const auto& text : {std::string("a..b"),       std::string(".a"),         std::string("a.."),
                           std::string("-a.b"),       std::string("a-.b"),       std::string("a_b.c"),
                           std::string("a b.c"),      std::string("a@b@c"),      std::string("ab--cd.e"),
                           std::string("xn--.e"),     std::string("xn--abc-.e"), std::string("xn--zzzzzzzzz99.e"),
                           std::string("\u265A.e"),   std::string("\u00E9_b.e"), std::string("\u00E9=b.e"),
                           std::string("a\u2260b.e"), std::string("\u2100.e"),   std::string("\u00E9 .e"),
                           std::string("a\u3002."),   std::string("\u00AD.e"),   label + ".e"})
    EXPECT_TRUE(refused(text)) << text << " gave " << parsed(text);
  std::string name;
  for (int i = 0; i < 128; ++i) name += "a.";
  EXPECT_TRUE(refused(name));
}

TEST(Jid, AcceptsAddressLiterals) {
  EXPECT_EQ(parsed("a@127.0.0.1/r"), "a@127.0.0.1/r");
  EXPECT_EQ(parsed("a@[::1]"), "a@[::1]");
  EXPECT_EQ(parsed("[2001:DB8:0:0::1]/r"), "[2001:db8::1]/r");
  for (const auto* text : {"a@1.2.3", "a@1.2.3.256", "a@[::1", "a@[1.2.3.4]", "a@[]", "a@::1", "a@[fe80::1%eth0]"})
    EXPECT_TRUE(refused(text)) << text;
}

TEST(Jid, NamesTheWrongPart) {
  EXPECT_EQ(Jid::parse("a b@c.d").error().message.substr(0, 9), "localpart");
  EXPECT_EQ(Jid::parse("a@-").error().message.substr(0, 10), "domainpart");
  EXPECT_EQ(Jid::parse("a@b.c/\t").error().message.substr(0, 12), "resourcepart");
}

TEST(PrepareUsername, FollowsTheExamplesOfRfc8265) {  // §3.5, tables 1 and 2
  for (const auto* name : {"juliet@example.com", "fussball", "fu\u00DFball", "\u03C0", "\u03C3", "\u03C2"})
    EXPECT_EQ(prepare_username(name).value(), name);
  EXPECT_EQ(prepare_username("\u03A3").value(), "\u03C3");
  for (const auto* name : {"foo bar", "", "henry\u2163", "\u221E"}) EXPECT_FALSE(prepare_username(name)) << name;
}

TEST(PrepareOpaqueString, FollowsTheExamplesOfRfc8265) {  // §4.3, tables 3 and 4
  for (const auto* text :
       {"correct horse battery staple", "Correct Horse Battery Staple", "\u03C0\u00DF\u00E5", "Jack of \u2666s"})
    EXPECT_EQ(prepare_opaque_string(text).value(), text);
  EXPECT_EQ(prepare_opaque_string("foo\u1680bar").value(), "foo bar");
  EXPECT_FALSE(prepare_opaque_string(""));
  EXPECT_FALSE(
      prepare_opaque_string("my cat is a \x09"
                            "by"));
}

TEST(PrepareUsername, MapsWidthCaseAndComposition) {
  EXPECT_EQ(prepare_username("\uFF21\uFF22\uFF43").value(), "abc");
  EXPECT_EQ(prepare_username("E\u0301").value(), "\u00E9");
  EXPECT_EQ(prepare_username("\u0130").value(), "i\u0307");
}

TEST(PrepareUsername, RefusesWhatTheIdentifierClassLacks) {
  for (const auto* name : {"a\u212A", "a\uFB01", "\u1100\u1161", "a\u00AD", "a\u200B", "a\uFEFF", "a\uE000", "a\u2028",
                           "\u0640a", "a\u0378", "\uFFFE", "a\U0001F600", "\u01C5", "\u302E"})
    EXPECT_FALSE(prepare_username(name)) << name;
}

TEST(PrepareUsername, JudgesContextualCharacters) {  // RFC 5892 appendix A
  for (const auto* name :
       {"\u0915\u094D\u200C\u0937", "\u0628\u200C\u0628", "\u0915\u094D\u200D\u0937", "l\u00B7l", "\u0375\u03B1",
        "\u05D0\u05F3", "\u05D0\u05F4\u05D1", "\u30FB\u30AB", "\u0628\u0660", "\u0628\u06F0"})
    EXPECT_TRUE(prepare_username(name)) << name;
  for (const auto* name : {"a\u200Cb", "a\u200Db", "\u200D", "a\u00B7l", "l\u00B7", "\u0375a", "\u0375", "a\u05F3",
                           "\u05F4\u05D0", "a\u30FBb", "\u0628\u0660\u06F0"})
    EXPECT_FALSE(prepare_username(name)) << name;
}

TEST(PrepareUsername, HoldsToTheBidiRule) {  // RFC 5893 §2
  for (const auto* name : {"\u05D0\u05D1", "\u05D01", "\u0628\u064B", "\u0628\u0661"})
    EXPECT_TRUE(prepare_username(name)) << name;
  for (const auto* name : {"a\u05D0", "\u05D0a", "1\u05D0", "\u05D0-", "\u06281\u0661", "\u0661"})
    EXPECT_FALSE(prepare_username(name)) << name;
}

// REQ 10
TEST(Jid, IsIdempotentForEveryCharacterInEveryPart) {
  for (char32_t c = 1; c < 0x30000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string utf8;
    if (c < 0x80)
      utf8 = {static_cast<char>(c)};
    else if (c < 0x800)
      utf8 = {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
    else if (c < 0x10000)
      utf8 = {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
              static_cast<char>(0x80 | (c & 63))};
    else
      utf8 = {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 63)),
              static_cast<char>(0x80 | (c >> 6 & 63)), static_cast<char>(0x80 | (c & 63))};
    for (const auto& text :
         {"a" + utf8 + "l@b.c", "a" + utf8 + "b.c", "b.c/a" + utf8 + "b", utf8 + "@" + utf8 + "/" + utf8}) {
      const auto jid = Jid::parse(text);
      if (!jid) continue;
      ASSERT_EQ(parsed(jid->text()), jid->text()) << "U+" << std::hex << static_cast<uint32_t>(c);
    }
  }
}

}  // namespace
}  // namespace rookery::xmpp
