#include "server/features/muc/hats.h"

#include <gtest/gtest.h>

#include "xmpp/namespaces.h"

namespace rookery::server::muc {
namespace {

xmpp::Jid jid(std::string_view text) { return *xmpp::Jid::parse(text); }

Hats two_hats() {
  Hats hats;
  EXPECT_TRUE(hats.put("urn:hat:host", {.title = "Host", .hue = "327.25"}));
  EXPECT_TRUE(hats.put("urn:hat:scribe", {.title = "Scribe & more", .hue = {}}));
  EXPECT_TRUE(hats.assign(jid("romeo@example.org"), "urn:hat:host"));
  EXPECT_TRUE(hats.assign(jid("romeo@example.org"), "urn:hat:scribe"));
  EXPECT_TRUE(hats.assign(jid("juliet@example.org"), "urn:hat:scribe"));
  return hats;
}

TEST(Hats, AreReadAsTheyWereWritten) {
  const Hats hats = two_hats();
  const Hats again = Hats::parse(hats.to_xml());
  EXPECT_EQ(again.all(), hats.all());
  EXPECT_EQ(again.worn(), hats.worn());
  EXPECT_EQ(again.all().at("urn:hat:scribe").title, "Scribe & more");
}

TEST(Hats, ManyWearersAreReadAgain) {
  Hats hats = two_hats();
  for (size_t i = 0; hats.worn().size() < Hats::most_wearers; ++i) {
    ASSERT_TRUE(hats.assign(jid("guest" + std::to_string(i) + "@example.org"), "urn:hat:scribe"));
  }
  EXPECT_FALSE(hats.assign(jid("late@example.org"), "urn:hat:scribe"));
  EXPECT_TRUE(hats.assign(jid("guest0@example.org"), "urn:hat:host"));  // wears one already
  EXPECT_EQ(Hats::parse(hats.to_xml()).worn(), hats.worn());
}

TEST(Hats, NoMoreThanTheLimitAreMadeButThoseThatAreThereMayChange) {
  Hats hats;
  for (size_t i = 0; i < Hats::most_hats; ++i)
    ASSERT_TRUE(hats.put("urn:hat:" + std::to_string(i), {.title = "T", .hue = {}}));
  EXPECT_FALSE(hats.put("urn:hat:more", {.title = "T", .hue = {}}));
  EXPECT_TRUE(hats.put("urn:hat:1", {.title = "Other", .hue = {}}));
  EXPECT_EQ(hats.all().at("urn:hat:1").title, "Other");
}

TEST(Hats, ADestroyedHatIsWornByNobody) {
  Hats hats = two_hats();
  EXPECT_TRUE(hats.destroy("urn:hat:scribe"));
  EXPECT_FALSE(hats.destroy("urn:hat:scribe"));
  EXPECT_FALSE(hats.worn().contains(jid("juliet@example.org")));
  EXPECT_TRUE(hats.wears(jid("romeo@example.org"), "urn:hat:host"));
}

TEST(Hats, OnlyWhatIsThereIsAssignedAndOnlyWhatIsWornIsTaken) {
  Hats hats = two_hats();
  EXPECT_FALSE(hats.assign(jid("juliet@example.org"), "urn:hat:king"));
  EXPECT_FALSE(hats.unassign(jid("juliet@example.org"), "urn:hat:host"));
  EXPECT_TRUE(hats.unassign(jid("juliet@example.org"), "urn:hat:scribe"));
  EXPECT_FALSE(hats.unassign(jid("juliet@example.org"), "urn:hat:scribe"));
}

TEST(Hats, ThePresenceOfEveryResourceCarriesThem) {
  const Hats hats = two_hats();
  auto presence = xmpp::Element::make("presence", xmpp::ns::client);
  hats.add_worn_to(*presence, jid("juliet@example.org/balcony"));
  EXPECT_EQ(presence->to_xml(xmpp::ns::client),
            "<presence><hats xmlns='urn:xmpp:hats:0'><hat uri='urn:hat:scribe' title='Scribe &amp; "
            "more'/></hats></presence>");
  auto bare = xmpp::Element::make("presence", xmpp::ns::client);
  hats.add_worn_to(*bare, jid("tybalt@example.org/x"));
  EXPECT_EQ(bare->first_element(), nullptr);
}

TEST(Hats, TheHashTellsOneListFromAnother) {
  Hats hats = two_hats();
  const std::string before = hats.hash();
  hats.assign(jid("tybalt@example.org"), "urn:hat:host");
  EXPECT_EQ(hats.hash(), before);
  hats.put("urn:hat:host", {.title = "Host", .hue = "1"});
  EXPECT_NE(hats.hash(), before);
}

TEST(Hats, AUriHasASchemeAndNoSpaces) {
  for (const auto good : {"http://tech.example.edu/hats#Teacher", "urn:x:y", "a+b-c.d:e"})
    EXPECT_TRUE(is_hat_uri(good)) << good;
  for (const auto bad : {"", "teacher", ":x", "urn:", "1x:y", "urn:a b", "ur n:a", "urn:\x7f"})
    EXPECT_FALSE(is_hat_uri(bad)) << bad;
  EXPECT_FALSE(is_hat_uri("urn:" + std::string(600, 'a')));
}

TEST(Hats, AHueIsAnAngle) {
  for (const auto good : {"0", "327.255249", "360", "360.0", "12.5"}) EXPECT_TRUE(is_hue(good)) << good;
  for (const auto bad : {"", "-1", "361", "360.1", "1e2", "1.", ".5", "1.2.3", "red", "99999999999999999999"})
    EXPECT_FALSE(is_hue(bad)) << bad;
}

}  // namespace
}  // namespace rookery::server::muc
