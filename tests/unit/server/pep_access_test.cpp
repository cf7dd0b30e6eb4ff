#include <gtest/gtest.h>

#include "server/features/pep/pep_node.h"

namespace rookery::server::pep {
namespace {

using xmpp::Condition;
using xmpp::pubsub::AccessModel;
using xmpp::pubsub::NodeConfig;

PepNode node_with(AccessModel model) {
  PepNode node{.name = "urn:example", .config = NodeConfig::pep(), .affiliations = {}};
  node.config.access_model = model;
  return node;
}
const Viewer owner{.bare = "juliet@example.org", .is_owner = true, .sees_presence = true, .groups = {}};
const Viewer contact{.bare = "romeo@example.org", .is_owner = false, .sees_presence = true, .groups = {"Friends"}};
const Viewer stranger{.bare = "paris@example.org", .is_owner = false, .sees_presence = false, .groups = {}};

TEST(PepAccess, TheOwnerSeesEveryNode) {
  for (const auto model : {AccessModel::open, AccessModel::presence, AccessModel::roster, AccessModel::whitelist})
    EXPECT_TRUE(may_see(owner, node_with(model)));
}

TEST(PepAccess, AnOpenNodeIsForStrangersToo) { EXPECT_TRUE(may_see(stranger, node_with(AccessModel::open))); }

TEST(PepAccess, APresenceNodeIsForThoseWhoSeePresence) {
  EXPECT_TRUE(may_see(contact, node_with(AccessModel::presence)));
  EXPECT_FALSE(may_see(stranger, node_with(AccessModel::presence)));
}

TEST(PepAccess, ARosterNodeIsForTheGroupsNamed) {
  auto node = node_with(AccessModel::roster);
  EXPECT_FALSE(may_see(contact, node));
  node.config.roster_groups_allowed = {"Family", "Friends"};
  EXPECT_TRUE(may_see(contact, node));
  auto unsubscribed = contact;
  unsubscribed.sees_presence = false;
  EXPECT_FALSE(may_see(unsubscribed, node));
}

TEST(PepAccess, AWhitelistIsForMembersAndAnOutcastIsKeptOut) {
  auto node = node_with(AccessModel::whitelist);
  EXPECT_FALSE(may_see(contact, node));
  node.affiliations = {{contact.bare, "member"}};
  EXPECT_TRUE(may_see(contact, node));
  node = node_with(AccessModel::open);
  node.affiliations = {{contact.bare, "outcast"}};
  EXPECT_FALSE(may_see(contact, node));
}

TEST(PepAccess, AStrangerCannotTellAClosedNodeFromNone) {
  const auto node = node_with(AccessModel::whitelist);
  EXPECT_EQ(refusal(stranger, &node).condition, refusal(stranger, nullptr).condition);
  EXPECT_EQ(refusal(stranger, &node).application_name, refusal(stranger, nullptr).application_name);
  EXPECT_EQ(refusal(stranger, nullptr).condition, Condition::service_unavailable);
}

TEST(PepAccess, AContactLearnsThatThereIsNoSuchNode) {
  EXPECT_EQ(refusal(contact, nullptr).condition, Condition::item_not_found);
}

TEST(PepConfig, SurvivesTheStore) {
  auto config = NodeConfig::pep();
  config.access_model = AccessModel::roster;
  config.max_items = NodeConfig::unlimited;
  config.persist_items = false;
  config.notify_delete = true;
  config.title = "<Tunes> & more";
  config.roster_groups_allowed = {"Friends", "Family"};
  EXPECT_EQ(decode_config(encode_config(config)), config);
  EXPECT_EQ(decode_config(encode_config(NodeConfig::pep())), NodeConfig::pep());
}

TEST(PepConfig, ClosesANodeWhoseConfigurationCannotBeRead) {
  EXPECT_EQ(decode_config("<broken").access_model, AccessModel::whitelist);
}

TEST(PepConfig, KeepsNoItemsWithoutPersistenceAndALimitedNumberForMax) {
  auto node = node_with(AccessModel::open);
  EXPECT_EQ(node.item_limit(), 1u);
  node.config.max_items = NodeConfig::unlimited;
  EXPECT_EQ(node.item_limit(), most_items);
  node.config.persist_items = false;
  EXPECT_EQ(node.item_limit(), 0u);
}

}  // namespace
}  // namespace rookery::server::pep
