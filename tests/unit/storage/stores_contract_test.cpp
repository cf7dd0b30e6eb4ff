#include "tests/unit/storage/stores_contract.h"

#include <gmock/gmock.h>

namespace rookery::storage {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST_P(StoresContract, KeepsAnAccountOverAnOpening) {
  expect_ok(stores->accounts().create(account("juliet@example.com")));
  reopen();
  const Account found = stores->accounts().find(juliet).value();
  EXPECT_EQ(found.jid, juliet);
  EXPECT_FALSE(found.disabled);
  EXPECT_EQ(found.created, account("juliet@example.com").created);
  ASSERT_EQ(found.keys.size(), 2u);
  EXPECT_EQ(found.keys[0].hash, crypto::Hash::sha1);
  EXPECT_EQ(found.keys[0].salt, std::string("\0s\xff", 3));
  EXPECT_EQ(found.keys[0].iterations, 4096u);
  EXPECT_EQ(found.keys[1].hash, crypto::Hash::sha256);
  EXPECT_EQ(found.keys[1].stored_key, "k2");
  EXPECT_EQ(found.keys[1].server_key, "v2");
}

TEST_P(StoresContract, RefusesASecondAccountOfTheSameName) {
  expect_ok(stores->accounts().create(account("juliet@example.com")));
  EXPECT_EQ(stores->accounts().create(account("juliet@example.com")).error().failure, Failure::conflict);
  EXPECT_EQ(stores->accounts().find(juliet).value().keys.size(), 2u);
}

TEST_P(StoresContract, SaysThatAnAccountIsUnknown) {
  EXPECT_EQ(stores->accounts().find(juliet).error().failure, Failure::not_found);
  EXPECT_EQ(stores->accounts().set_keys(juliet, account("juliet@example.com").keys).error().failure,
            Failure::not_found);
  EXPECT_EQ(stores->accounts().set_disabled(juliet, true).error().failure, Failure::not_found);
  EXPECT_EQ(stores->accounts().remove(juliet).error().failure, Failure::not_found);
  EXPECT_FALSE(stores->accounts().exists(juliet).value());
}

TEST_P(StoresContract, ReplacesKeysAndDisables) {
  expect_ok(stores->accounts().create(account("juliet@example.com")));
  expect_ok(stores->accounts().set_keys(
      juliet, {{.hash = crypto::Hash::sha512, .salt = "new", .stored_key = "k", .server_key = "v"}}));
  expect_ok(stores->accounts().set_disabled(juliet, true));
  const Account found = stores->accounts().find(juliet).value();
  ASSERT_EQ(found.keys.size(), 1u);
  EXPECT_EQ(found.keys[0].hash, crypto::Hash::sha512);
  EXPECT_TRUE(found.disabled);
}

namespace {
Client phone(std::string agent, int64_t last_seen) {
  const auto at = [](int64_t seconds) { return TimePoint(std::chrono::seconds(seconds)); };
  return {
      .agent = agent,
      .id = "id-of-" + agent,
      .software = "Conversations",
      .device = "Juliet's phone",
      .first_seen = at(1'700'000'000),
      .last_seen = at(last_seen),
      .knows_password = true,
      .tokens = {
          .current =
              xmpp::FastToken{
                  .secret = "s1", .mechanism = "HT-SHA-256-NONE", .issued = at(1), .expires = at(2), .count = 7},
          .fresh = xmpp::FastToken{.secret = "s2", .mechanism = "HT-SHA-256-EXPR", .issued = at(3), .expires = at(4)}}};
}
}  // namespace

TEST_P(StoresContract, KeepsTheClientsOfAnAccountWithTheirTokens) {
  expect_ok(stores->accounts().create(account("juliet@example.com")));
  expect_ok(stores->clients().put(juliet, phone("old", 1'700'000'001)));
  expect_ok(stores->clients().put(juliet, phone("new", 1'700'000'002)));
  reopen();
  const auto all = stores->clients().list(juliet).value();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].agent, "new");
  EXPECT_EQ(all[1].agent, "old");
  const auto found = stores->clients().find(juliet, "old").value();
  ASSERT_TRUE(found);
  const Client expected = phone("old", 1'700'000'001);
  EXPECT_EQ(found->id, expected.id);
  EXPECT_EQ(found->software, expected.software);
  EXPECT_EQ(found->device, expected.device);
  EXPECT_EQ(found->first_seen, expected.first_seen);
  EXPECT_EQ(found->last_seen, expected.last_seen);
  EXPECT_TRUE(found->knows_password);
  EXPECT_EQ(found->tokens, expected.tokens);
  EXPECT_FALSE(stores->clients().find(juliet, "none").value());
  EXPECT_THAT(stores->clients().list(romeo).value(), IsEmpty());
}

TEST_P(StoresContract, ReplacesAClientWithAllItsTokens) {
  expect_ok(stores->accounts().create(account("juliet@example.com")));
  Client client = phone("a", 1'700'000'001);
  expect_ok(stores->clients().put(juliet, client));
  client.software = "Dino";
  client.tokens.current = std::exchange(client.tokens.fresh, std::nullopt);
  expect_ok(stores->clients().put(juliet, client));
  const auto all = stores->clients().list(juliet).value();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].software, "Dino");
  EXPECT_EQ(all[0].tokens, client.tokens);
}

TEST_P(StoresContract, RemovesAClientWithItsTokens) {
  expect_ok(stores->accounts().create(account("juliet@example.com")));
  expect_ok(stores->clients().put(juliet, phone("a", 1)));
  EXPECT_EQ(stores->clients().remove(juliet, "id-of-b").error().failure, Failure::not_found);
  EXPECT_EQ(stores->clients().remove(romeo, "id-of-a").error().failure, Failure::not_found);
  expect_ok(stores->clients().remove(juliet, "id-of-a"));
  EXPECT_FALSE(stores->clients().find(juliet, "a").value());
  // What comes back later starts without any.
  Client again = phone("a", 2);
  again.tokens.clear();
  expect_ok(stores->clients().put(juliet, again));
  EXPECT_TRUE(stores->clients().find(juliet, "a").value()->tokens.empty());
}

// REQ 13: a changed password revokes the tokens of all clients, and of nobody else.
TEST_P(StoresContract, RevokesAllTokensWithAChangedPassword) {
  for (const auto& owner : {juliet, romeo}) {
    expect_ok(stores->accounts().create(account(owner.text())));
    expect_ok(stores->clients().put(owner, phone("a", 1)));
    expect_ok(stores->clients().put(owner, phone("b", 1)));
  }
  expect_ok(stores->accounts().set_keys(juliet, account("juliet@example.com").keys));
  const auto clients = stores->clients().list(juliet).value();
  ASSERT_EQ(clients.size(), 2u);
  for (const auto& client : clients) {
    EXPECT_TRUE(client.tokens.empty());
    EXPECT_FALSE(client.knows_password);
  }
  EXPECT_FALSE(stores->clients().find(romeo, "a").value()->tokens.empty());
}

// REQ 13: a disabled account has no tokens, also after it is enabled again.
TEST_P(StoresContract, RevokesAllTokensWhenTheAccountIsDisabled) {
  expect_ok(stores->accounts().create(account("juliet@example.com")));
  expect_ok(stores->clients().put(juliet, phone("a", 1)));
  expect_ok(stores->accounts().set_disabled(juliet, false));
  EXPECT_FALSE(stores->clients().find(juliet, "a").value()->tokens.empty());
  expect_ok(stores->accounts().set_disabled(juliet, true));
  expect_ok(stores->accounts().set_disabled(juliet, false));
  EXPECT_TRUE(stores->clients().find(juliet, "a").value()->tokens.empty());
}

TEST_P(StoresContract, ForgetsTheClientsOfARemovedAccount) {
  expect_ok(stores->accounts().create(account("juliet@example.com")));
  expect_ok(stores->clients().put(juliet, phone("a", 1)));
  expect_ok(stores->accounts().remove(juliet));
  expect_ok(stores->accounts().create(account("juliet@example.com")));
  EXPECT_THAT(stores->clients().list(juliet).value(), IsEmpty());
}

TEST_P(StoresContract, AddsKeysOfOneMoreHashAndRevokesNothing) {
  expect_ok(stores->accounts().create(account("juliet@example.com")));
  expect_ok(stores->clients().put(juliet, phone("a", 1)));
  const crypto::ScramKeys more{.hash = crypto::Hash::sha512, .salt = "new", .stored_key = "k", .server_key = "v"};
  expect_ok(stores->accounts().add_keys(juliet, more));
  EXPECT_EQ(stores->accounts().find(juliet).value().keys.size(), 3u);
  EXPECT_EQ(stores->accounts().add_keys(juliet, more).error().failure, Failure::conflict);
  EXPECT_EQ(stores->accounts().add_keys(romeo, more).error().failure, Failure::not_found);
  EXPECT_FALSE(stores->clients().find(juliet, "a").value()->tokens.empty());
}

TEST_P(StoresContract, TellsWhichKindsOfKeysThereAre) {
  using crypto::Hash;
  EXPECT_THAT(stores->accounts().key_kinds().value(), IsEmpty());
  const auto keys = [](Hash hash, uint32_t iterations, std::string salt) {
    return crypto::ScramKeys{
        .hash = hash, .salt = std::move(salt), .iterations = iterations, .stored_key = "k", .server_key = "s"};
  };
  Account imported{.jid = romeo, .keys = {keys(Hash::sha1, 4096, std::string("\0\xff", 2) + "abc")}};
  Account ours{.jid = juliet, .keys = {keys(Hash::sha1, 9, "1234"), keys(Hash::sha256, 9, "1234")}};
  Account alike{.jid = nurse, .keys = {keys(Hash::sha1, 9, "4321")}};
  for (const auto& each : {imported, ours, alike}) expect_ok(stores->accounts().create(each));
  EXPECT_THAT(stores->accounts().key_kinds().value(),
              ElementsAre(KeyKind{Hash::sha1, 9, 4}, KeyKind{Hash::sha1, 4096, 5}, KeyKind{Hash::sha256, 9, 4}));
}

TEST_P(StoresContract, ListsAccountsOfADomainInPages) {
  for (const auto* name : {"d@example.com", "a@example.com", "c@example.com", "b@example.com", "x@example.org"}) {
    expect_ok(stores->accounts().create(account(name)));
  }
  EXPECT_THAT(stores->accounts().list("example.com", "", 2).value(),
              ElementsAre(jid("a@example.com"), jid("b@example.com")));
  EXPECT_THAT(stores->accounts().list("example.com", "b@example.com", 9).value(),
              ElementsAre(jid("c@example.com"), jid("d@example.com")));
  expect_ok(stores->accounts().set_disabled(jid("b@example.com"), true));
  expect_ok(stores->accounts().set_disabled(jid("d@example.com"), true));
  EXPECT_THAT(stores->accounts().disabled("example.com", "", 9).value(),
              ElementsAre(jid("b@example.com"), jid("d@example.com")));
  EXPECT_THAT(stores->accounts().disabled("example.com", "b@example.com", 1).value(),
              ElementsAre(jid("d@example.com")));
  EXPECT_EQ(stores->accounts().count("example.com").value(), 4u);
  EXPECT_EQ(stores->accounts().count("example.net").value(), 0u);
}

TEST_P(StoresContract, RemovesEverythingOfAnAccountAndNothingOfOthers) {
  for (const auto& owner : {juliet, romeo}) {
    expect_ok(stores->accounts().create(account(owner.text())));
    expect_ok(stores->rosters().put(owner, {.jid = nurse, .groups = {"g"}}, 3));
    expect_ok(stores->values().put(owner, "vcard", "", "<v/>"));
    expect_ok(stores->pubsub().create(owner, {.name = "n"}));
    expect_ok(stores->pubsub().publish(owner, "n", {.id = "1"}, 5));
  }
  expect_ok(stores->accounts().remove(juliet));
  EXPECT_FALSE(stores->accounts().exists(juliet).value());
  EXPECT_THAT(stores->rosters().load(juliet).value().items, IsEmpty());
  EXPECT_EQ(stores->rosters().load(juliet).value().version, 0u);
  EXPECT_EQ(stores->values().get(juliet, "vcard", "").value(), std::nullopt);
  EXPECT_THAT(stores->pubsub().nodes(juliet, "", 9).value(), IsEmpty());
  EXPECT_THAT(stores->pubsub().items(juliet, "n", 9).value(), IsEmpty());
  EXPECT_TRUE(stores->accounts().exists(romeo).value());
  EXPECT_EQ(stores->rosters().load(romeo).value().items.size(), 1u);
  EXPECT_EQ(stores->pubsub().items(romeo, "n", 9).value().size(), 1u);
}

TEST_P(StoresContract, TakesFromARemovedAccountWhatOthersHaveGivenIt) {
  const xmpp::Jid coven = jid("coven@rooms.example.com"), heath = jid("heath@rooms.example.com"),
                  service = jid("pubsub.example.com"), other = jid("julietta@example.com");
  expect_ok(stores->accounts().create(account("juliet@example.com")));
  const auto affiliate = [&](const xmpp::Jid& room, const xmpp::Jid& who, const char* affiliation) {
    expect_ok(
        stores->rooms().set_affiliation(room, {.jid = who, .affiliation = affiliation, .nick = "n", .reason = {}}));
  };
  affiliate(coven, juliet, "owner");
  affiliate(coven, other, "member");
  affiliate(heath, juliet, "outcast");
  for (const auto* name : {"given", "banned"}) expect_ok(stores->pubsub().create(service, {.name = name}));
  expect_ok(stores->pubsub().set_affiliation(service, "given", {.jid = juliet.text(), .affiliation = "publisher"}));
  expect_ok(stores->pubsub().set_affiliation(service, "given", {.jid = other.text(), .affiliation = "owner"}));
  expect_ok(stores->pubsub().set_affiliation(service, "banned", {.jid = juliet.text(), .affiliation = "outcast"}));
  for (const auto& who : {juliet.text(), juliet.text() + "/balcony", other.text()}) {
    expect_ok(stores->pubsub().set_subscription(service, "given",
                                                {.jid = who, .subid = {}, .state = "subscribed", .options = {}}));
  }
  const auto invite = [&](const char* id, const std::string& creator, const std::string& contact) {
    Invite made;
    made.id = id;
    made.domain = "example.com";
    made.creator = creator;
    made.contact = contact;
    expect_ok(stores->invites().create(made));
  };
  invite("a", juliet.text(), {});
  invite("b", {}, juliet.text());
  invite("c", {}, {});
  EXPECT_THAT(stores->rooms().affiliated(juliet).value(), ElementsAre(coven, heath));

  expect_ok(stores->accounts().remove(juliet));
  EXPECT_THAT(stores->rooms().affiliations(coven).value(),
              ElementsAre(RoomAffiliation{.jid = other, .affiliation = "member", .nick = "n", .reason = {}}));
  EXPECT_THAT(stores->rooms().affiliated(juliet).value(), ElementsAre(heath)) << "a ban stays";
  const auto affiliations = stores->pubsub().affiliations_of(service, juliet).value();
  ASSERT_EQ(affiliations.size(), 1u);
  EXPECT_EQ(affiliations.front().node, "banned");
  EXPECT_EQ(stores->pubsub().affiliations_of(service, other).value().size(), 1u);
  EXPECT_THAT(stores->pubsub().subscriptions_of(service, juliet).value(), IsEmpty());
  EXPECT_EQ(stores->pubsub().subscriptions_of(service, other).value().size(), 1u);
  const auto invites = stores->invites().list("example.com", 9).value();
  ASSERT_EQ(invites.size(), 1u);
  EXPECT_EQ(invites.front().id, "c");
}

TEST_P(StoresContract, KeepsARosterItemAsItWasPut) {
  const RosterItem item{.jid = romeo,
                        .name = "Rómeo",
                        .subscription = RosterItem::Subscription::from,
                        .ask = true,
                        .approved = true,
                        .in_roster = false,
                        .request = "<presence type='subscribe'/>",
                        .groups = {"Z", "A"}};
  expect_ok(stores->rosters().put(juliet, {.jid = nurse, .groups = {"Servants"}}, 1));
  expect_ok(stores->rosters().put(juliet, item, 2));
  reopen();
  const Roster roster = stores->rosters().load(juliet).value();
  EXPECT_EQ(roster.version, 2u);
  ASSERT_EQ(roster.items.size(), 2u);
  EXPECT_THAT(roster.items[0].groups, ElementsAre("Servants"));
  const RosterItem& found = roster.items[1];
  EXPECT_EQ(found.jid, romeo);
  EXPECT_EQ(found.name, item.name);
  EXPECT_EQ(found.subscription, item.subscription);
  EXPECT_TRUE(found.ask && found.approved && !found.in_roster);
  EXPECT_EQ(found.request, item.request);
  EXPECT_THAT(found.groups, ElementsAre("Z", "A"));
  const auto alone = stores->rosters().find(juliet, romeo.text()).value();
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->name, item.name);
  EXPECT_EQ(alone->subscription, item.subscription);
  EXPECT_THAT(alone->groups, ElementsAre("Z", "A"));
  EXPECT_FALSE(stores->rosters().find(romeo, juliet.text()).value());
}

TEST_P(StoresContract, ReplacesAndRemovesRosterItems) {
  expect_ok(stores->rosters().put(juliet, {.jid = romeo, .name = "old", .groups = {"a", "b"}}, 1));
  expect_ok(stores->rosters().put(juliet, {.jid = romeo, .name = "new", .groups = {"c"}}, 2));
  EXPECT_EQ(stores->rosters().load(juliet).value().items.at(0).name, "new");
  EXPECT_THAT(stores->rosters().load(juliet).value().items.at(0).groups, ElementsAre("c"));
  expect_ok(stores->rosters().remove(juliet, romeo, 3));
  EXPECT_THAT(stores->rosters().load(juliet).value().items, IsEmpty());
  EXPECT_EQ(stores->rosters().load(juliet).value().version, 3u);
  EXPECT_THAT(stores->rosters().load(nurse).value().items, IsEmpty());
}

TEST_P(StoresContract, KeepsValuesByKindAndKey) {
  auto& values = stores->values();
  expect_ok(values.put(juliet, "private", "b urn:x", "<b/>"));
  expect_ok(values.put(juliet, "private", "a urn:x", "<a/>"));
  expect_ok(values.put(juliet, "vcard", "", ""));
  expect_ok(values.put(juliet, "private", "b urn:x", "<b n='2'/>"));
  EXPECT_EQ(values.get(juliet, "private", "b urn:x").value(), "<b n='2'/>");
  EXPECT_EQ(values.count(juliet, "private").value(), 2u);
  EXPECT_EQ(values.count(romeo, "private").value(), 0u);
  EXPECT_EQ(values.get(juliet, "vcard", "").value(), "");
  EXPECT_EQ(values.get(romeo, "vcard", "").value(), std::nullopt);
  EXPECT_THAT(values.all(juliet, "private").value(),
              ElementsAre(Pair("a urn:x", "<a/>"), Pair("b urn:x", "<b n='2'/>")));
  expect_ok(values.remove(juliet, "private", "a urn:x"));
  expect_ok(values.remove(juliet, "private", "a urn:x"));
  EXPECT_EQ(values.all(juliet, "private").value().size(), 1u);
}

// REQ 27: what looks like SQL is text.
TEST_P(StoresContract, TakesHostileTextAsText) {
  auto& values = stores->values();
  for (const std::string text : {"'; DROP TABLE accounts; --", "\" OR 1=1", "$1", "?", "%_\\", "')"}) {
    expect_ok(values.put(juliet, text, text, text));
    EXPECT_EQ(values.get(juliet, text, text).value(), text);
    EXPECT_EQ(values.all(juliet, text).value().size(), 1u) << text;
  }
  expect_ok(values.remove(juliet, "%_\\", "%"));
  EXPECT_EQ(values.get(juliet, "%_\\", "%_\\").value(), "%_\\");
}

TEST_P(StoresContract, UndoesATransactionThatFailsOrThrows) {
  auto& values = stores->values();
  const auto write_and = [&](const std::function<Status()>& end) {
    return stores->transaction([&]() -> Status {
      expect_ok(values.put(juliet, "k", "1", "x"));
      return end();
    });
  };
  EXPECT_EQ(write_and([]() -> Status { return fail(Failure::denied, "no"); }).error().failure, Failure::denied);
  EXPECT_THROW((void)write_and([]() -> Status { throw std::runtime_error("bug"); }), std::runtime_error);
  EXPECT_EQ(values.get(juliet, "k", "1").value(), std::nullopt);
  expect_ok(write_and([]() -> Status { return {}; }));
  reopen();
  EXPECT_EQ(stores->values().get(juliet, "k", "1").value(), "x");
}

TEST_P(StoresContract, UndoesAFailedStepAndKeepsTheRestOfTheTransaction) {
  auto& values = stores->values();
  expect_ok(stores->transaction([&]() -> Status {
    expect_ok(values.put(juliet, "k", "before", "x"));
    const auto step = stores->step([&]() -> Status {
      expect_ok(values.put(juliet, "k", "inside", "x"));
      return stores->accounts().remove(nurse);
    });
    EXPECT_EQ(step.error().failure, Failure::not_found);
    expect_ok(stores->step([&] { return values.put(juliet, "k", "good step", "x"); }));
    return values.put(juliet, "k", "after", "x");
  }));
  std::vector<std::string> keys;
  const auto all = values.all(juliet, "k").value();
  for (const auto& [key, value] : all) keys.push_back(key);
  EXPECT_THAT(keys, ElementsAre("after", "before", "good step"));
}

}  // namespace rookery::storage
