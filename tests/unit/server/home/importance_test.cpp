// XEP-0352, XEP-0357: what may wait, and what wakes a device.
#include "server/home/importance.h"

#include <gtest/gtest.h>

#include "server/home/held_back.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {
namespace {

xmpp::ElementPtr parse(std::string_view xml) { return xmpp::parse_document(xml, {}, xmpp::ns::client).value(); }
std::optional<std::string> key(std::string_view xml) {
  const auto stanza = parse(xml);
  return holding_key(*stanza);
}
bool notable(std::string_view xml) {
  const auto stanza = parse(xml);
  return is_notable(*stanza);
}
std::string event(std::string_view node, std::string_view item) {
  return "<message type='headline' from='j@x'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='" +
         std::string(node) + "'>" + std::string(item) + "</items></event></message>";
}
constexpr auto composing =
    "<message type='chat' from='j@x/a' to='r@x'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>";
constexpr auto paused =
    "<message type='chat' from='j@x/a' to='r@x'><paused xmlns='http://jabber.org/protocol/chatstates'/></message>";

TEST(Importance, PresenceOfOneAddressIsReplacedByItsNewest) {
  EXPECT_EQ(key("<presence from='j@x/a'/>"), key("<presence from='j@x/a' type='unavailable'/>"));
  EXPECT_NE(key("<presence from='j@x/a'/>"), key("<presence from='j@x/b'/>"));
}

TEST(Importance, SubscriptionsErrorsAndTheEndOfJoiningARoomDoNotWait) {
  EXPECT_FALSE(key("<presence from='j@x' type='subscribe'/>"));
  EXPECT_FALSE(key("<presence from='j@x' type='error'/>"));
  EXPECT_FALSE(key(
      "<presence from='r@c/me'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>"));
  EXPECT_TRUE(key("<presence from='r@c/she'><x xmlns='http://jabber.org/protocol/muc#user'><item/></x></presence>"));
  EXPECT_FALSE(key("<iq type='result' id='1'/>"));
}

TEST(Importance, ChatStatesWaitAndTextsDoNot) {
  ASSERT_TRUE(key(composing));
  EXPECT_EQ(key(composing), key(paused));
  EXPECT_FALSE(
      key("<message type='chat'><active xmlns='http://jabber.org/protocol/chatstates'/><body>hi</body></message>"));
  EXPECT_FALSE(key("<message type='groupchat' from='r@c'><subject/></message>"));
  EXPECT_FALSE(key("<message from='r@x'><result xmlns='urn:xmpp:mam:2'/></message>"));
  EXPECT_FALSE(key("<message type='error'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>"));
}

TEST(Importance, ACopyWaitsWhenWhatItCopiesMay) {
  const auto copy = [](std::string_view direction, std::string_view inner) {
    return "<message from='r@x'><" + std::string(direction) +
           " xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>" +
           "<message xmlns='jabber:client' from='j@x' to='r@x'>" + std::string(inner) + "</message></forwarded></" +
           std::string(direction) + "></message>";
  };
  constexpr auto state = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
  EXPECT_TRUE(key(copy("received", state)));
  EXPECT_NE(key(copy("received", state)), key(copy("sent", state)));
  EXPECT_FALSE(key(copy("received", "<body>hi</body>")));
}

TEST(Importance, EventsAreReplacedByItemAndByNodeWhereThereIsOneItemOnly) {
  EXPECT_EQ(key(event("urn:x", "<item id='1'/>")), key(event("urn:x", "<retract id='1'/>")));
  EXPECT_NE(key(event("urn:x", "<item id='1'/>")), key(event("urn:x", "<item id='2'/>")));
  EXPECT_EQ(key(event("http://jabber.org/protocol/tune", "<item id='1'/>")),
            key(event("http://jabber.org/protocol/tune", "<item id='2'/>")));
  EXPECT_EQ(key("<message from='j@x'><event xmlns='http://jabber.org/protocol/pubsub#event'><purge "
                "node='urn:x'/></event></message>"),
            "")
      << "waits and replaces nothing";
}

TEST(Importance, TextsCallsAndInvitationsAreNotable) {
  EXPECT_TRUE(notable("<message><body>hi</body></message>"));
  EXPECT_TRUE(
      notable("<message><encrypted "
              "xmlns='eu.siacs.conversations.axolotl'><header/><payload>x</payload></encrypted></message>"));
  EXPECT_TRUE(notable("<message><propose xmlns='urn:xmpp:jingle-message:0' id='1'/></message>"));
  EXPECT_TRUE(notable("<message><x xmlns='jabber:x:conference' jid='r@c'/></message>"));
  EXPECT_FALSE(notable("<message><body/></message>"));
  EXPECT_FALSE(notable("<message><encrypted xmlns='eu.siacs.conversations.axolotl'><header/></encrypted></message>"))
      << "brings keys only";
  EXPECT_FALSE(notable("<message><received xmlns='urn:xmpp:receipts' id='1'/></message>"));
  EXPECT_FALSE(notable("<message type='error'><body>hi</body></message>"));
  EXPECT_FALSE(notable("<message type='headline'><body>hi</body></message>"));
  EXPECT_FALSE(notable(composing));
}

TEST(HeldBack, GivesBackTheNewestInTheOrderOfTheNewest) {
  HeldBack held(10);
  for (std::string xml : {"<presence from='a'/>", "<presence from='b'/>", "<presence from='a' type='unavailable'/>"})
    EXPECT_TRUE(held.take(xml));
  EXPECT_EQ(held.release(),
            (std::vector<std::string>{"<presence from='b'/>", "<presence from='a' type='unavailable'/>"}));
  EXPECT_EQ(held.size(), 0u);
}

TEST(HeldBack, RefusesWhatCannotWaitAndWhatIsTooMuch) {
  HeldBack held(2);
  std::string iq = "<iq type='get' id='1'/>";
  EXPECT_FALSE(held.take(iq));
  for (std::string xml : {"<presence from='a'/>", "<presence from='b'/>"}) EXPECT_TRUE(held.take(xml));
  std::string third = "<presence from='c'/>";
  EXPECT_FALSE(held.take(third));
  EXPECT_EQ(third, "<presence from='c'/>") << "still the caller's";
  std::string newer = "<presence from='a' type='unavailable'/>";
  EXPECT_TRUE(held.take(newer)) << "takes the place of another";
  EXPECT_EQ(held.release().size(), 2u);
  std::string large = "<presence from='a'><status>" + std::string(70'000, 'x') + "</status></presence>";
  EXPECT_FALSE(held.take(large));
}

}  // namespace
}  // namespace rookery::server
