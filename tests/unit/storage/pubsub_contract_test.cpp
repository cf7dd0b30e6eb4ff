#include <gmock/gmock.h>

#include "tests/unit/storage/stores_contract.h"

namespace rookery::storage {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(StoresContract, CreatesConfiguresAndRemovesNodes) {
  auto& pubsub = stores->pubsub();
  expect_ok(pubsub.create(juliet, {.name = "urn:x", .config = "c1"}));
  EXPECT_EQ(pubsub.create(juliet, {.name = "urn:x"}).error().failure, Failure::conflict);
  expect_ok(pubsub.create(romeo, {.name = "urn:x", .config = "r"}));
  expect_ok(pubsub.configure(juliet, {.name = "urn:x", .config = "c2"}));
  EXPECT_EQ(pubsub.configure(juliet, {.name = "urn:y"}).error().failure, Failure::not_found);
  EXPECT_EQ(pubsub.node(juliet, "urn:x").value().config, "c2");
  EXPECT_EQ(pubsub.nodes(juliet, "", 9).value().size(), 1u);
  expect_ok(pubsub.publish(juliet, "urn:x", {.id = "1"}, 1));
  expect_ok(pubsub.remove(juliet, "urn:x"));
  EXPECT_EQ(pubsub.remove(juliet, "urn:x").error().failure, Failure::not_found);
  EXPECT_EQ(pubsub.node(juliet, "urn:x").error().failure, Failure::not_found);
  EXPECT_THAT(pubsub.items(juliet, "urn:x", 9).value(), IsEmpty());
  EXPECT_EQ(pubsub.node(romeo, "urn:x").value().config, "r");
}

TEST_P(StoresContract, PublishesNewestFirstAndForgetsTheOldestBeyondTheLimit) {
  auto& pubsub = stores->pubsub();
  EXPECT_EQ(pubsub.publish(juliet, "urn:x", {.id = "1"}, 3).error().failure, Failure::not_found);
  expect_ok(pubsub.create(juliet, {.name = "urn:x"}));
  const auto ids = [&] {
    std::vector<std::string> found;
    const auto items = pubsub.items(juliet, "urn:x", 9).value();
    for (const auto& item : items) found.push_back(item.id);
    return found;
  };
  for (const auto* id : {"1", "2", "3"}) expect_ok(pubsub.publish(juliet, "urn:x", {.id = id}, 3));
  EXPECT_THAT(ids(), ElementsAre("3", "2", "1"));
  const PubsubItem again{
      .id = "1", .publisher = "juliet@example.com/balcony", .payload = "<x/>", .published = time_of(7)};
  expect_ok(pubsub.publish(juliet, "urn:x", again, 3));
  EXPECT_THAT(ids(), ElementsAre("1", "3", "2"));
  expect_ok(pubsub.publish(juliet, "urn:x", {.id = "4"}, 2));
  EXPECT_THAT(ids(), ElementsAre("4", "1"));
  EXPECT_EQ(pubsub.items(juliet, "urn:x", 1).value().size(), 1u);
  const PubsubItem found = pubsub.item(juliet, "urn:x", "1").value();
  EXPECT_EQ(found.publisher, again.publisher);
  EXPECT_EQ(found.payload, again.payload);
  EXPECT_EQ(found.published, again.published);
  EXPECT_TRUE(pubsub.retract(juliet, "urn:x", "1").value());
  EXPECT_FALSE(pubsub.retract(juliet, "urn:x", "1").value());
  EXPECT_EQ(pubsub.item(juliet, "urn:x", "1").error().failure, Failure::not_found);
  expect_ok(pubsub.purge(juliet, "urn:x"));
  EXPECT_THAT(ids(), IsEmpty());
}

TEST_P(StoresContract, KeepsAffiliationsAndSubscriptionsUntilTheyAreNone) {
  auto& pubsub = stores->pubsub();
  EXPECT_EQ(pubsub.set_affiliation(juliet, "urn:x", {.jid = "a@b", .affiliation = "owner"}).error().failure,
            Failure::not_found);
  expect_ok(pubsub.create(juliet, {.name = "urn:x"}));
  expect_ok(pubsub.set_affiliation(juliet, "urn:x", {.jid = "a@b", .affiliation = "member"}));
  expect_ok(pubsub.set_affiliation(juliet, "urn:x", {.jid = "a@b", .affiliation = "owner"}));
  EXPECT_EQ(pubsub.affiliations(juliet, "urn:x").value().at(0).affiliation, "owner");
  expect_ok(pubsub.set_subscription(juliet, "urn:x", {.jid = "a@b", .subid = "1", .state = "pending"}));
  expect_ok(
      pubsub.set_subscription(juliet, "urn:x", {.jid = "a@b", .subid = "2", .state = "subscribed", .options = "o"}));
  expect_ok(pubsub.set_subscription(juliet, "urn:x", {.jid = "a@b", .subid = "1", .state = "subscribed"}));
  const auto subscriptions = pubsub.subscriptions(juliet, "urn:x").value();
  ASSERT_EQ(subscriptions.size(), 2u);
  EXPECT_EQ(subscriptions[0].state, "subscribed");
  EXPECT_EQ(subscriptions[1].options, "o");
  expect_ok(pubsub.set_affiliation(juliet, "urn:x", {.jid = "a@b", .affiliation = "none"}));
  expect_ok(pubsub.set_subscription(juliet, "urn:x", {.jid = "a@b", .subid = "1", .state = "none"}));
  EXPECT_THAT(pubsub.affiliations(juliet, "urn:x").value(), IsEmpty());
  EXPECT_EQ(pubsub.subscriptions(juliet, "urn:x").value().size(), 1u);
}

TEST_P(StoresContract, FindsWhatOneEntityIsAndHasAtAllNodes) {
  auto& pubsub = stores->pubsub();
  for (const auto* node : {"urn:x", "urn:y"}) expect_ok(pubsub.create(juliet, {.name = node}));
  expect_ok(pubsub.create(nurse, {.name = "urn:x"}));
  expect_ok(pubsub.set_affiliation(juliet, "urn:y", {.jid = "romeo@example.org", .affiliation = "member"}));
  expect_ok(pubsub.set_affiliation(juliet, "urn:y", {.jid = "romeo@example.org.evil", .affiliation = "outcast"}));
  expect_ok(pubsub.set_affiliation(nurse, "urn:x", {.jid = "romeo@example.org", .affiliation = "outcast"}));
  const auto affiliations = pubsub.affiliations_of(juliet, jid("romeo@example.org/orchard")).value();
  ASSERT_EQ(affiliations.size(), 1u);
  EXPECT_EQ(affiliations[0].node, "urn:y");
  EXPECT_EQ(affiliations[0].affiliation.affiliation, "member");
  for (const auto* text :
       {"romeo@example.org", "romeo@example.org/orchard", "romeo@example.org0", "romeo@example.orga/b"}) {
    expect_ok(pubsub.set_subscription(juliet, "urn:x", {.jid = text, .subid = "", .state = "subscribed"}));
  }
  expect_ok(pubsub.set_subscription(nurse, "urn:x", {.jid = "romeo@example.org", .subid = "", .state = "subscribed"}));
  const auto subscriptions = pubsub.subscriptions_of(juliet, romeo).value();
  ASSERT_EQ(subscriptions.size(), 2u);
  EXPECT_EQ(subscriptions[0].subscription.jid, "romeo@example.org");
  EXPECT_EQ(subscriptions[1].subscription.jid, "romeo@example.org/orchard");
  EXPECT_THAT(pubsub.subscriptions_of(juliet, nurse).value(), IsEmpty());
}

TEST_P(StoresContract, ListsNodesByNameFromAnyPlace) {
  auto& pubsub = stores->pubsub();
  for (const auto* node : {"b", "a", "c"})
    expect_ok(
        pubsub.create(juliet, {.name = node, .config = std::string("of ") + node, .creator = "romeo@example.org"}));
  const auto nodes = pubsub.nodes(juliet, "a", 1).value();
  ASSERT_EQ(nodes.size(), 1u);
  EXPECT_EQ(nodes[0].name, "b");
  EXPECT_EQ(nodes[0].config, "of b");
  EXPECT_EQ(nodes[0].creator, "romeo@example.org");
  EXPECT_EQ(pubsub.nodes(juliet, "", 9).value().size(), 3u);
  EXPECT_THAT(pubsub.node_names(juliet).value(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(pubsub.node_names(romeo).value(), IsEmpty());
}

TEST_P(StoresContract, KnowsHowMuchTheNodesOfOneCreatorHold) {
  auto& pubsub = stores->pubsub();
  const auto usage = [&](std::string_view creator) {
    const auto found = pubsub.usage(juliet, creator).value();
    return std::pair(found.nodes, found.bytes);
  };
  expect_ok(pubsub.create(juliet, {.name = "x", .creator = "c"}));
  expect_ok(pubsub.create(juliet, {.name = "y", .creator = "c"}));
  expect_ok(pubsub.create(juliet, {.name = "z"}));
  EXPECT_EQ(usage("c"), std::pair(size_t{2}, uint64_t{0}));
  const auto publish = [&](const char* node, std::string id, std::string payload, size_t limit) {
    expect_ok(pubsub.publish(
        juliet, node, {.id = std::move(id), .publisher = "p", .payload = std::move(payload), .published = time_of(1)},
        limit));
  };
  publish("x", "1", "12345", 9);
  publish("y", "é", "", 9);  // bytes, not characters
  publish("z", "1", "123", 9);
  EXPECT_EQ(usage("c"), std::pair(size_t{2}, uint64_t{7 + 3}));
  EXPECT_EQ(usage(""), std::pair(size_t{1}, uint64_t{5}));
  EXPECT_EQ(usage("nobody"), std::pair(size_t{0}, uint64_t{0}));
  publish("x", "1", "1", 9);  // replaced
  EXPECT_EQ(usage("c").second, 3u + 3u);
  publish("x", "2", "12", 1);  // beyond the limit
  EXPECT_EQ(usage("c").second, 4u + 3u);
  EXPECT_FALSE(pubsub.retract(juliet, "x", "1").value());
  EXPECT_TRUE(pubsub.retract(juliet, "x", "2").value());
  EXPECT_EQ(usage("c").second, 3u);
  EXPECT_EQ(pubsub.expire(juliet, "y", time_of(2)).value(), 1u);
  EXPECT_EQ(usage("c").second, 0u);
  publish("x", "1", "12345", 9);
  expect_ok(pubsub.purge(juliet, "x"));
  EXPECT_EQ(usage("c").second, 0u);
  publish("x", "1", "12345", 9);
  expect_ok(pubsub.configure(juliet, {.name = "x", .config = "", .creator = "d"}));
  EXPECT_EQ(usage("c"), std::pair(size_t{1}, uint64_t{0}));
  EXPECT_EQ(usage("d"), std::pair(size_t{1}, uint64_t{7}));
  expect_ok(pubsub.remove(juliet, "x"));
  EXPECT_EQ(usage("d"), std::pair(size_t{0}, uint64_t{0}));
}

TEST_P(StoresContract, ListsItemsByIdAndExpiresTheOld) {
  auto& pubsub = stores->pubsub();
  expect_ok(pubsub.create(juliet, {.name = "urn:x"}));
  for (const int64_t second : {1, 2, 3}) {
    expect_ok(pubsub.publish(juliet, "urn:x", {.id = std::to_string(second), .published = time_of(second)}, 9));
  }
  EXPECT_EQ(pubsub.item_ids(juliet, "urn:x").value(), (std::vector<std::string>{"3", "2", "1"}));
  EXPECT_EQ(pubsub.expire(juliet, "urn:x", time_of(3)).value(), 2u);
  EXPECT_EQ(pubsub.expire(juliet, "urn:x", time_of(3)).value(), 0u);
  EXPECT_EQ(pubsub.item_ids(juliet, "urn:x").value(), std::vector<std::string>{"3"});
}

}  // namespace rookery::storage
