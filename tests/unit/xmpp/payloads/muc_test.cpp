#include "xmpp/payloads/muc.h"

#include <gtest/gtest.h>

#include "tests/unit/xmpp/payloads/parsing.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/muc_config.h"

namespace rookery::xmpp {
namespace {

TEST(Muc, ReadsWhatOneWhoEntersAsksFor) {
  const auto presence = from_xml(
      "<presence xmlns='jabber:client'><x xmlns='http://jabber.org/protocol/muc'><password>toad</password>"
      "<history maxchars='65000' maxstanzas='20' seconds='x' since='1970-01-01T00:00:01Z'/></x></presence>");
  const auto join = MucJoin::parse(*presence);
  ASSERT_TRUE(join);
  EXPECT_EQ(join->password, "toad");
  EXPECT_EQ(join->max_chars, 65000u);
  EXPECT_EQ(join->max_stanzas, 20u);
  EXPECT_EQ(join->seconds, std::nullopt);
  EXPECT_EQ(join->since, TimePoint(std::chrono::seconds(1)));
  EXPECT_FALSE(MucJoin::parse(*from_xml("<presence xmlns='jabber:client'/>")));
}

TEST(Muc, ReadsItemsAndRefusesWhatIsNone) {
  const auto items = [](const std::string& inside) {
    return parse_muc_admin(*from_xml("<query xmlns='http://jabber.org/protocol/muc#admin'>" + inside + "</query>"));
  };
  const auto two = items("<item nick='a' role='none'><reason>r</reason></item><item jid='b@c' affiliation='owner'/>");
  ASSERT_TRUE(two);
  EXPECT_EQ((*two)[0].role, Role::none);
  EXPECT_EQ((*two)[0].reason, "r");
  EXPECT_EQ((*two)[1].affiliation, Affiliation::owner);
  EXPECT_EQ((*two)[1].jid->text(), "b@c");
  for (const auto* bad : {"", "<item/>", "<item role='king'/>", "<item affiliation='none' role='none'/>"}) {
    ASSERT_FALSE(items(bad)) << bad;
    EXPECT_EQ(items(bad).error().condition, Condition::bad_request) << bad;
  }
  EXPECT_EQ(items("<item affiliation='none' jid='@'/>").error().condition, Condition::jid_malformed);
  // XEP-0045 §9.5: an empty nick takes the reserved one back, an absent one leaves it.
  const auto nicks = items("<item affiliation='member' jid='b@c' nick=''/><item affiliation='member' jid='b@c'/>");
  ASSERT_TRUE(nicks);
  EXPECT_EQ((*nicks)[0].nick, "");
  EXPECT_EQ((*nicks)[1].nick, std::nullopt);
}

TEST(Muc, ReadsInvitations) {
  const auto message = from_xml(
      "<message xmlns='jabber:client'><x xmlns='http://jabber.org/protocol/muc#user'><invite "
      "to='a@b'><reason>r</reason>"
      "<continue thread='t'/></invite><decline to='c@d'/></x></message>");
  const auto invites = MucInvite::parse(*message);
  ASSERT_TRUE(invites);
  ASSERT_EQ(invites->size(), 2u);
  EXPECT_FALSE((*invites)[0].is_decline);
  EXPECT_TRUE((*invites)[0].is_continued);
  EXPECT_EQ((*invites)[0].thread, "t");
  EXPECT_TRUE((*invites)[1].is_decline);
  EXPECT_TRUE(MucInvite::parse(*from_xml("<message xmlns='jabber:client'/>"))->empty());
}

TEST(RoomConfig, AFormSaysEverythingAndIsReadBack) {
  RoomConfig config;
  config.name = "Coven";
  config.is_persistent = config.members_only = config.is_moderated = true;
  config.password_protected = true;
  config.password = "toad";
  config.whois = RoomConfig::Whois::anyone;
  config.max_users = 13;
  config.private_messages = RoomConfig::PrivateMessages::moderators;
  config.history_length = 7;
  config.presence_broadcast = {Role::moderator};
  config.member_list = {};
  const auto read = RoomConfig().changed_by(config.to_form(DataForm::Type::submit));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, config);
  EXPECT_FALSE(read->is_anonymous());
}

TEST(RoomConfig, WhatAFormDoesNotHaveStays) {
  RoomConfig config;
  config.name = "Coven";
  DataForm form = DataForm::make(DataForm::Type::submit, ns::muc_roomconfig);
  form.add("muc#roomconfig_moderatedroom", "1");
  const auto changed = config.changed_by(form);
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->name, "Coven");
  EXPECT_TRUE(changed->is_moderated);
}

TEST(RoomConfig, IntoAMembersOnlyRoomMembersInviteOnlyWhenAnOwnerSaysSo) {
  const auto changed = [](const RoomConfig& config, std::initializer_list<std::pair<const char*, const char*>> fields) {
    DataForm form = DataForm::make(DataForm::Type::submit, ns::muc_roomconfig);
    for (const auto& [var, value] : fields) form.add("muc#roomconfig_" + std::string(var), value);
    return *config.changed_by(form);
  };
  const RoomConfig closed = changed({}, {{"membersonly", "1"}});
  EXPECT_FALSE(closed.allow_invites);
  EXPECT_TRUE(changed({}, {{"membersonly", "1"}, {"allowinvites", "1"}}).allow_invites);
  EXPECT_TRUE(changed(closed, {{"allowinvites", "1"}}).allow_invites);
  EXPECT_TRUE(changed(closed, {{"membersonly", "0"}}).allow_invites);
  RoomConfig stored = closed;
  stored.allow_invites = true;
  EXPECT_TRUE(changed(stored, {{"membersonly", "1"}, {"roomname", "Coven"}}).allow_invites);
}

TEST(RoomConfig, WhatIsShownToEverybodyHasAnEnd) {
  const RoomConfig before;
  RoomConfig config;
  config.name = std::string(1024, 'n');
  config.description = std::string(4096, 'd');
  EXPECT_TRUE(config.check_lengths(before));
  config.name += 'n';
  ASSERT_FALSE(config.check_lengths(before));
  EXPECT_EQ(config.check_lengths(before).error().condition, Condition::not_acceptable);
  EXPECT_TRUE(config.check_lengths(config));  // from before there was a limit
}

TEST(RoomConfig, RefusesWhatIsNoValue) {
  const auto refusal = [](std::string_view var, std::string_view value) {
    DataForm form = DataForm::make(DataForm::Type::submit, ns::muc_roomconfig);
    form.add(var, value);
    const auto changed = RoomConfig().changed_by(form);
    return changed ? std::optional<Condition>() : changed.error().condition;
  };
  EXPECT_EQ(refusal("muc#roomconfig_publicroom", "perhaps"), Condition::bad_request);
  EXPECT_EQ(refusal("muc#roomconfig_whois", "nobody"), Condition::bad_request);
  EXPECT_EQ(refusal("muc#roomconfig_maxusers", "many"), Condition::bad_request);
  EXPECT_EQ(refusal("muc#roomconfig_presencebroadcast", "king"), Condition::bad_request);
  EXPECT_EQ(refusal("muc#roomconfig_passwordprotectedroom", "1"), Condition::not_acceptable);  // without a password
  EXPECT_EQ(refusal("muc#roomconfig_maxusers", "none"), std::nullopt);
}

}  // namespace
}  // namespace rookery::xmpp
