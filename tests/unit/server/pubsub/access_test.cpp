#include "server/pubsub/access.h"

#include <gtest/gtest.h>

namespace rookery::server::pubsub {
namespace {

using xmpp::Condition;
using xmpp::pubsub::AccessModel;
using xmpp::pubsub::NodeConfig;

xmpp::Jid jid(std::string_view text) { return xmpp::Jid::parse(text).value(); }

const xmpp::Jid account = jid("juliet@example.org");

Leaf node_with(AccessModel model) {
  Leaf leaf{.owner = account, .name = "urn:example", .config = NodeConfig::pep(), .affiliations = {}};
  leaf.config.access_model = model;
  return leaf;
}
const Viewer owner{.jid = jid("juliet@example.org/balcony"), .is_owner = true, .sees_presence = true, .groups = {}};
const Viewer contact{
    .jid = jid("romeo@example.org/orchard"), .is_owner = false, .sees_presence = true, .groups = {"Friends"}};
const Viewer stranger{.jid = jid("paris@example.org/church"), .is_owner = false, .sees_presence = false, .groups = {}};

bool may_see(const Viewer& viewer, const Leaf& leaf) { return may_read(viewer, leaf, false); }

Leaf with(AccessModel model, const Viewer& viewer, std::string affiliation) {
  auto leaf = node_with(model);
  leaf.affiliations.push_back({std::string(viewer.bare()), std::move(affiliation)});
  return leaf;
}

TEST(PubsubAccess, TheOwnerSeesEveryNode) {
  for (const auto model : {AccessModel::open, AccessModel::presence, AccessModel::roster, AccessModel::whitelist})
    EXPECT_TRUE(may_see(owner, node_with(model)));
}

TEST(PubsubAccess, AnOpenNodeIsForStrangersToo) { EXPECT_TRUE(may_see(stranger, node_with(AccessModel::open))); }

TEST(PubsubAccess, APresenceNodeIsForThoseWhoSeePresence) {
  EXPECT_TRUE(may_see(contact, node_with(AccessModel::presence)));
  EXPECT_FALSE(may_see(stranger, node_with(AccessModel::presence)));
}

TEST(PubsubAccess, ARosterNodeIsForTheGroupsNamed) {
  auto node = node_with(AccessModel::roster);
  EXPECT_FALSE(may_see(contact, node));
  node.config.roster_groups_allowed = {"Family", "Friends"};
  EXPECT_TRUE(may_see(contact, node));
  auto unsubscribed = contact;
  unsubscribed.sees_presence = false;
  EXPECT_FALSE(may_see(unsubscribed, node));
}

TEST(PubsubAccess, AWhitelistIsForMembersAndAnOutcastIsKeptOut) {
  auto node = node_with(AccessModel::whitelist);
  EXPECT_FALSE(may_see(contact, node));
  node.affiliations = {{std::string(contact.bare()), "member"}};
  EXPECT_TRUE(may_see(contact, node));
  node = node_with(AccessModel::open);
  node.affiliations = {{std::string(contact.bare()), "outcast"}};
  EXPECT_FALSE(may_see(contact, node));
}

TEST(PubsubAccess, AnAuthorizeNodeIsReadBySubscribersAndMembers) {
  const auto node = node_with(AccessModel::authorize);
  EXPECT_TRUE(may_subscribe(stranger, node));
  EXPECT_FALSE(may_read(contact, node, false));
  EXPECT_TRUE(may_read(contact, node, true));
  EXPECT_TRUE(may_read(contact, with(AccessModel::authorize, contact, "member"), false));
}

TEST(PubsubAccess, WhoMayPublishIsForAffiliationAndPublishModel) {
  using xmpp::pubsub::PublishModel;
  auto node = node_with(AccessModel::open);
  EXPECT_TRUE(may_publish(owner, node, false));
  EXPECT_FALSE(may_publish(contact, node, true));
  node.config.publish_model = PublishModel::subscribers;
  EXPECT_TRUE(may_publish(contact, node, true));
  EXPECT_FALSE(may_publish(contact, node, false));
  node.config.publish_model = PublishModel::open;
  EXPECT_TRUE(may_publish(stranger, node, false));
  node.affiliations = {{std::string(stranger.bare()), "outcast"}};
  EXPECT_FALSE(may_publish(stranger, node, true));
  EXPECT_TRUE(may_publish(contact, with(AccessModel::whitelist, contact, "publisher"), false));
  EXPECT_TRUE(may_publish(contact, with(AccessModel::whitelist, contact, "publish-only"), false));
  EXPECT_FALSE(may_publish(contact, with(AccessModel::whitelist, contact, "member"), false));
}

TEST(PubsubAccess, WhoMayOnlyPublishDoesNotRead) {
  EXPECT_FALSE(may_read(contact, with(AccessModel::open, contact, "publish-only"), true));
  EXPECT_TRUE(may_read(contact, with(AccessModel::whitelist, contact, "publisher"), false));
}

TEST(PubsubAccess, ARefusalNamesItsReason) {
  EXPECT_EQ(refusal(contact, node_with(AccessModel::whitelist)).application_name, "closed-node");
  EXPECT_EQ(refusal(contact, node_with(AccessModel::roster)).application_name, "not-in-roster-group");
  EXPECT_EQ(refusal(contact, node_with(AccessModel::presence)).application_name, "presence-subscription-required");
  EXPECT_EQ(refusal(contact, node_with(AccessModel::authorize)).application_name, "not-subscribed");
  EXPECT_EQ(refusal(contact, with(AccessModel::open, contact, "outcast")).condition, Condition::forbidden);
}

TEST(PubsubConfig, SurvivesTheStore) {
  auto config = NodeConfig::pep();
  config.access_model = AccessModel::roster;
  config.max_items = NodeConfig::unlimited;
  config.persist_items = false;
  config.notify_delete = true;
  config.item_reply = xmpp::pubsub::ItemReply::publisher;
  config.allows_subscriptions = false;
  config.title = "<Tunes> & more";
  config.roster_groups_allowed = {"Friends", "Family"};
  EXPECT_EQ(decode_config(account, encode_config(config)), config);
  EXPECT_EQ(decode_config(account, encode_config(NodeConfig::pep())), NodeConfig::pep());
  config.description = std::string(5000, 'x');  // of a time without limits
  EXPECT_EQ(decode_config(account, encode_config(config)), config);
}

TEST(PubsubOptions, SurviveTheStore) {
  xmpp::pubsub::SubscribeOptions options{.deliver = false, .expire = xmpp::parse_date_time("2030-01-02T03:04:05Z")};
  EXPECT_EQ(decode_options(encode_options(options)), options);
  EXPECT_EQ(encode_options({}), "");
  EXPECT_EQ(decode_options(""), xmpp::pubsub::SubscribeOptions{});
}

TEST(PubsubConfig, ClosesANodeWhoseConfigurationCannotBeRead) {
  EXPECT_EQ(decode_config(account, "<broken").access_model, AccessModel::whitelist);
}

TEST(PubsubConfig, KeepsNoItemsWithoutPersistenceAndALimitedNumberForMax) {
  auto node = node_with(AccessModel::open);
  EXPECT_EQ(node.item_limit(), 1u);
  node.config.max_items = NodeConfig::unlimited;
  EXPECT_EQ(node.item_limit(), most_items);
  node.config.persist_items = false;
  EXPECT_EQ(node.item_limit(), 0u);
}

}  // namespace
}  // namespace rookery::server::pubsub
