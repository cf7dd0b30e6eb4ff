#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "client/core/omemo/omemo_store.h"
#include "client/core/store/message_store.h"
#include "client/core/store/packed.h"
#include "scratch.h"

namespace rookery::client {
namespace {

std::string everything_in(const std::filesystem::path& folder) {
  std::string all;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::stringstream content;
    content << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    all += content.str();
  }
  return all;
}

ChatMessage message(std::string_view text, std::string_view origin_id) {
  ChatMessage message;
  message.peer = *xmpp::Jid::parse("juliet@example.org");
  message.outgoing = true;
  message.text = text;
  message.origin_id = message.message_id = origin_id;
  message.time = xmpp::TimePoint(std::chrono::microseconds(1'000'000));
  message.state = MessageState::pending;
  return message;
}

TEST(Packed, RoundTripsAndRefusesWrongLengths) {
  const std::string packed = pack({"a", "", std::string_view("\0x", 2)});
  EXPECT_EQ(unpack(packed), (std::vector<std::string>{"a", "", std::string("\0x", 2)}));
  EXPECT_EQ(unpack(packed, 4), std::nullopt);
  EXPECT_EQ(unpack(packed.substr(0, packed.size() - 1)), std::nullopt);
  EXPECT_EQ(unpack(std::string_view("\xff\xff\xff\xff", 4)), std::nullopt);
}

TEST(LocalStore, KeepsRecordsAndHidesThemOnDisk) {
  const Scratch scratch;
  {
    auto store = scratch.open();
    ASSERT_TRUE(store->put("kind", "juliet@example.org", "a secret value", "group"));
    ASSERT_TRUE(store->put("kind", "nurse@example.org", "another", "other"));
    EXPECT_EQ(*store->get("kind", "juliet@example.org"), "a secret value");
    EXPECT_EQ(*store->get("other", "juliet@example.org"), std::nullopt);
    EXPECT_EQ(store->in_group("kind", "group")->size(), 1u);
    EXPECT_EQ(store->all("kind")->size(), 2u);
  }
  const std::string bytes = everything_in(scratch.folder);
  EXPECT_EQ(bytes.find("a secret value"), std::string::npos);
  EXPECT_EQ(bytes.find("juliet"), std::string::npos);
  EXPECT_EQ(*scratch.open()->get("kind", "juliet@example.org"), "a secret value");
}

TEST(LocalStore, OpensOnlyWithItsPassphrase) {
  const Scratch scratch;
  const auto open = [&](std::string_view passphrase) {
    KeyOptions options;
    options.passphrase = crypto::Secret(passphrase);
    return LocalStore::open(scratch.folder / "b.db", options);
  };
  ASSERT_TRUE(open("correct horse"));
  EXPECT_TRUE(open("correct horse"));
  EXPECT_EQ(open("wrong").error().failure, Failure::denied);
  EXPECT_EQ(open("").error().failure, Failure::invalid);
}

TEST(LocalStore, RefusesAKeyFileThatOthersMayRead) {
  const Scratch scratch;
  scratch.open();
  const auto key = scratch.folder / "a.db.key";
  struct stat about{};
  ASSERT_EQ(::stat(key.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  ASSERT_EQ(::chmod(key.c_str(), 0644), 0);
  EXPECT_EQ(LocalStore::open(scratch.folder / "a.db", {}).error().failure, Failure::denied);
}

TEST(LocalStore, BelongsToOneUserAtATime) {
  const Scratch scratch;
  auto first = scratch.open();
  ASSERT_TRUE(first->lock());
  auto second = scratch.open();
  EXPECT_EQ(second->lock().error().failure, Failure::conflict);
  first.reset();
  EXPECT_TRUE(scratch.open()->lock());
}

TEST(LocalStore, NoticesAValueThatWasMovedToAnotherPlace) {
  const Scratch scratch;
  auto store = scratch.open();
  ASSERT_TRUE(store->put("kind", "a", "1"));
  ASSERT_TRUE(store->put("kind", "b", "2"));
  ASSERT_TRUE(store->database().run(
      "UPDATE records SET value = (SELECT value FROM records AS o WHERE o.key <> records.key LIMIT 1)"));
  // Whichever row was written first now holds what belongs to the other.
  EXPECT_FALSE(store->get("kind", "a") && store->get("kind", "b"));
}

// REQ 32
TEST(MessageStore, AMessageIsInTheOutboxUntilTheServerHasIt) {
  const Scratch scratch;
  int64_t id = 0;
  {
    auto store = scratch.open();
    MessageStore messages(*store);
    id = *messages.add_outgoing(message("hello", "o1"), true);
  }
  // As after a crash.
  auto store = scratch.open();
  MessageStore messages(*store);
  auto waiting = messages.outbox();
  ASSERT_TRUE(waiting);
  ASSERT_EQ(waiting->size(), 1u);
  auto outgoing = waiting->front();
  EXPECT_EQ(outgoing.message.id, id);
  EXPECT_EQ(outgoing.message.text, "hello");
  EXPECT_TRUE(outgoing.encrypt);
  EXPECT_EQ(outgoing.xml, "");
  outgoing.message.encryption = Encryption::omemo;
  ASSERT_TRUE(messages.set_outgoing_xml(id, outgoing.message, "<message/>"));
  EXPECT_EQ(messages.outbox()->front().xml, "<message/>");
  outgoing.message.state = MessageState::acked;
  ASSERT_TRUE(messages.finish_outgoing(outgoing.message));
  EXPECT_TRUE(messages.outbox()->empty());
  EXPECT_EQ((*messages.by_id(id))->state, MessageState::acked);
}

TEST(MessageStore, FindsByOriginIdOfThatSenderOnlyAndRefusesAStanzaIdTwice) {
  const Scratch scratch;
  auto store = scratch.open();
  MessageStore messages(*store);
  auto theirs = message("hi", "same");
  theirs.outgoing = false;
  theirs.stanza_id = "s1";
  ASSERT_TRUE(messages.add(theirs));
  EXPECT_TRUE(*messages.by_origin("juliet@example.org", "same"));
  EXPECT_FALSE(*messages.by_origin("", "same"));
  EXPECT_FALSE(*messages.by_origin("mallory@example.org", "same"));
  EXPECT_TRUE(*messages.knows_stanza_id("s1"));
  EXPECT_EQ(messages.add(theirs).error().failure, Failure::conflict);
}

TEST(MessageStore, HistoryIsTheNewestInOrderOfTime) {
  const Scratch scratch;
  auto store = scratch.open();
  MessageStore messages(*store);
  for (const int second : {3, 1, 2}) {
    auto one = message(std::to_string(second), "o" + std::to_string(second));
    one.time = xmpp::TimePoint(std::chrono::seconds(second));
    ASSERT_TRUE(messages.add(one));
  }
  const auto found = messages.history(*xmpp::Jid::parse("juliet@example.org"), 2);
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ(found->front().text, "2");
  EXPECT_EQ(found->back().text, "3");
}

// REQ 33
TEST(OmemoStore, RatchetAndMessageAreUndoneTogether) {
  using namespace crypto::omemo;
  const Scratch scratch;
  auto store = scratch.open();
  OmemoStore keys(*store);
  MessageStore messages(*store);
  Changes changes;
  changes.sessions[{Version::v2, {"juliet@example.org", 7}}] = "ratchet";
  const auto status = store->transaction([&]() -> Status {
    EXPECT_TRUE(keys.apply(changes));
    EXPECT_TRUE(messages.add(message("x", "o")));
    return fail(Failure::full, "the disk is full");
  });
  EXPECT_FALSE(status);
  EXPECT_EQ(*keys.session({Version::v2, {"juliet@example.org", 7}}), std::nullopt);
  EXPECT_FALSE(*messages.by_origin("", "o"));
}

TEST(OmemoStore, RoundTripsEverything) {
  using namespace crypto::omemo;
  const Scratch scratch;
  const Address juliet{"juliet@example.org", 7};
  Changes changes;
  changes.own = OwnDevice{{"romeo@example.org", 5}, std::string("\0key", 4), 101, 2};
  changes.pre_keys[1] = PreKey{"one", false};
  changes.pre_keys[2] = PreKey{"two", true};
  changes.signed_pre_keys[1] = "signed";
  changes.sessions[{Version::legacy, juliet}] = "old";
  changes.identities[juliet] = {"identity", Trust::verified};
  changes.seen.insert({juliet, "digest"});
  {
    auto store = scratch.open();
    ASSERT_TRUE(OmemoStore(*store).apply(changes));
  }
  auto store = scratch.open();
  OmemoStore keys(*store);
  EXPECT_EQ(*keys.own(), changes.own);
  EXPECT_EQ(keys.pre_keys()->size(), 2u);
  EXPECT_EQ(*keys.pre_key(2), (PreKey{"two", true}));
  EXPECT_EQ(keys.signed_pre_keys()->at(1), "signed");
  EXPECT_EQ(*keys.session({Version::legacy, juliet}), "old");
  EXPECT_EQ(*keys.session({Version::v2, juliet}), std::nullopt);
  EXPECT_EQ(*keys.identity(juliet), (Identity{"identity", Trust::verified}));
  EXPECT_EQ(keys.identities("juliet@example.org")->size(), 1u);
  EXPECT_TRUE(*keys.seen({juliet, "digest"}));
  EXPECT_FALSE(*keys.seen({juliet, "other"}));
  Changes removal;
  removal.pre_keys[1] = std::nullopt;
  ASSERT_TRUE(keys.apply(removal));
  EXPECT_EQ(*keys.pre_key(1), std::nullopt);
}

}  // namespace
}  // namespace rookery::client
