// XEP-0492 §3 and XEP-0357 §7: whether to tell, and what.
#include "server/features/push/notification.h"

#include <gtest/gtest.h>

#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {
namespace {

const xmpp::Jid account = xmpp::Jid::parse("romeo@example.org").value();

xmpp::ElementPtr parse(std::string_view xml) { return xmpp::parse_document(xml, {}, xmpp::ns::client).value(); }
xmpp::ElementPtr groupchat(std::string_view content) {
  return parse("<message type='groupchat' from='room@muc/she'>" + std::string(content) + "</message>");
}
bool called(std::string_view content, const std::string& nick = "Montague") {
  const auto message = groupchat(content);
  return mentions(*message, account, nick);
}

TEST(Notification, ANickIsAMentionWhereItIsAWord) {
  EXPECT_TRUE(called("<body>Montague: where art thou?</body>"));
  EXPECT_TRUE(called("<body>ask montague</body>"));
  EXPECT_FALSE(called("<body>the Montagues</body>"));
  EXPECT_FALSE(called("<body>éMontague</body>"));
  EXPECT_TRUE(called("<body>hey romeo</body>", "")) << "without a nick the account's name";
  EXPECT_FALSE(called("<body>nobody</body>"));
}

TEST(Notification, ReferencesRepliesAndSecretsAreMentions) {
  EXPECT_TRUE(
      called("<body>x</body><reference xmlns='urn:xmpp:reference:0' type='mention' uri='xmpp:romeo@example.org'/>"));
  EXPECT_TRUE(called("<body>x</body><reply xmlns='urn:xmpp:reply:0' to='room@muc/Montague' id='1'/>"));
  EXPECT_FALSE(called("<body>x</body><reply xmlns='urn:xmpp:reply:0' to='room@muc/Tybalt' id='1'/>"));
  EXPECT_TRUE(called("<encrypted xmlns='urn:xmpp:omemo:2'/>"));
}

TEST(Notification, ASettingDecidesAndWithoutOneTheKindOfRoom) {
  const auto plain = groupchat("<body>hello</body>");
  EXPECT_TRUE(wants_notification({}, false, *plain, account));
  EXPECT_FALSE(wants_notification({}, true, *plain, account));
  EXPECT_TRUE(wants_notification({.notify = xmpp::Notify::always, .nick = {}}, true, *plain, account));
  EXPECT_FALSE(wants_notification({.notify = xmpp::Notify::on_mention, .nick = {}}, false, *plain, account));
  const auto call = groupchat("<body>romeo!</body>");
  EXPECT_TRUE(wants_notification({}, true, *call, account));
  EXPECT_FALSE(wants_notification({.notify = xmpp::Notify::never, .nick = {}}, false, *call, account));
}

TEST(Notification, SettingsAreReadFromABookmark) {
  const auto item = parse(
      "<conference xmlns='urn:xmpp:bookmarks:1'><nick>M</nick><extensions><notify "
      "xmlns='urn:xmpp:notification-settings:1'>"
      "<never identity-category='client' identity-type='phone'/><always/></notify></extensions></conference>");
  const auto settings = chat_settings(*item);
  EXPECT_EQ(settings.notify, xmpp::Notify::never);
  EXPECT_EQ(settings.nick, "M");
  EXPECT_EQ(chat_settings(*parse("<conference xmlns='urn:xmpp:bookmarks:1'/>")).notify, std::nullopt);
}

TEST(Notification, APushHasACountAndASenderOnlyWhereThatIsWanted) {
  PushDevices::Device device{
      .target = {.service = xmpp::Jid::parse("push.example").value(),
                 .node = "n",
                 .options = "<x xmlns='jabber:x:data' type='submit'><field var='secret'><value>s</value></field></x>",
                 .device = "phone"}};
  device.waiting = 3;
  device.last_from = "juliet@example.com/balcony";
  device.sent_id = "id1";
  const std::string quiet = push_request(device, account, false)->to_xml(xmpp::ns::client);
  EXPECT_TRUE(quiet.starts_with("<iq "));
  EXPECT_NE(quiet.find("<publish node='n'>"), std::string::npos) << quiet;
  EXPECT_NE(quiet.find("<value>3</value>"), std::string::npos);
  EXPECT_NE(quiet.find("<publish-options><x xmlns='jabber:x:data' type='submit'>"), std::string::npos);
  EXPECT_EQ(quiet.find("juliet"), std::string::npos);
  EXPECT_NE(push_request(device, account, true)->to_xml().find("<value>juliet@example.com/balcony</value>"),
            std::string::npos);
}

}  // namespace
}  // namespace rookery::server
