#include "tests/unit/omemo/pair.h"

namespace rookery::crypto::omemo {
namespace {

class OmemoConversation : public Pair {};
INSTANTIATE_TEST_SUITE_P(Both, OmemoConversation, testing::Values(Version::legacy, Version::v2), version_name);

TEST_P(OmemoConversation, GoesBackAndForth) {
  introduce(alice, bob);
  for (int round = 0; round < 5; ++round) {
    const std::string question = "question " + std::to_string(round);
    EXPECT_EQ(read(bob, alice, write(alice, bob, question)), question);
    EXPECT_EQ(read(alice, bob, write(bob, alice, "answer")), "answer");
  }
}

TEST_P(OmemoConversation, SendsKeyExchangesUntilTheFirstAnswer) {
  introduce(alice, bob);
  const auto first = write(alice, bob, "one");
  const auto second = write(alice, bob, "two");
  EXPECT_TRUE(first.keys.at(0).key_exchange);
  EXPECT_TRUE(second.keys.at(0).key_exchange);
  EXPECT_EQ(read(bob, alice, first), "one");
  EXPECT_EQ(read(bob, alice, second), "two");
  EXPECT_EQ(read(alice, bob, write(bob, alice, "back")), "back");
  EXPECT_FALSE(write(alice, bob, "three").keys.at(0).key_exchange);
}

TEST_P(OmemoConversation, TellsOfANewSessionOnceSoThatItIsAcknowledged) {
  introduce(alice, bob);
  const auto first = bob.device.decrypt(alice.address().jid, write(alice, bob, "one"));
  const auto second = bob.device.decrypt(alice.address().jid, write(alice, bob, "two"));
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(first->new_session);
  EXPECT_FALSE(second->new_session);
  EXPECT_EQ(first->identity, alice.device.identity());
  EXPECT_EQ(first->trust, Trust::automatic);

  const auto acknowledgement = bob.device.encrypt_empty(version(), alice.address());
  ASSERT_TRUE(acknowledgement.has_value());
  EXPECT_EQ(acknowledgement->payload, std::nullopt);
  EXPECT_EQ(read(alice, bob, *acknowledgement), "(empty)");
  EXPECT_FALSE(write(alice, bob, "three").keys.at(0).key_exchange);
}

TEST_P(OmemoConversation, SurvivesMessagesOutOfOrder) {
  settle();
  std::vector<EncryptedMessage> messages;
  for (int i = 0; i < 6; ++i) messages.push_back(write(alice, bob, std::to_string(i)));
  for (const int i : {5, 0, 3, 1, 4, 2}) EXPECT_EQ(read(bob, alice, messages.at(i)), std::to_string(i));
}

TEST_P(OmemoConversation, ReadsALateMessageOfAnEarlierRatchetKey) {
  settle();
  const auto late = write(alice, bob, "late");
  EXPECT_EQ(read(bob, alice, write(alice, bob, "in time")), "in time");
  EXPECT_EQ(read(alice, bob, write(bob, alice, "turn")), "turn");
  EXPECT_EQ(read(bob, alice, write(alice, bob, "next")), "next");
  EXPECT_EQ(read(bob, alice, late), "late");
}

TEST_P(OmemoConversation, SurvivesLostMessages) {
  settle();
  for (int i = 0; i < 20; ++i) write(alice, bob, "lost");
  EXPECT_EQ(read(bob, alice, write(alice, bob, "arrived")), "arrived");
  EXPECT_EQ(read(alice, bob, write(bob, alice, "good")), "good");
}

TEST_P(OmemoConversation, SurvivesTheLossOfTheFirstMessages) {
  introduce(alice, bob);
  write(alice, bob, "lost");
  EXPECT_EQ(read(bob, alice, write(alice, bob, "arrived")), "arrived");
}

TEST_P(OmemoConversation, RecognisesReplaysOfMessagesAndOfKeyExchanges) {
  introduce(alice, bob);
  const auto exchange = write(alice, bob, "first");
  EXPECT_EQ(read(bob, alice, exchange), "first");
  EXPECT_EQ(read(bob, alice, exchange), "failed: duplicate");
  EXPECT_EQ(read(alice, bob, write(bob, alice, "hi")), "hi");
  const auto plain = write(alice, bob, "second");
  EXPECT_EQ(read(bob, alice, plain), "second");
  EXPECT_EQ(read(bob, alice, plain), "failed: duplicate");

  // Many ratchet steps later libomemo-c itself would call both damaged.
  for (int i = 0; i < 8; ++i) {
    ASSERT_EQ(read(alice, bob, write(bob, alice, "ping")), "ping");
    ASSERT_EQ(read(bob, alice, write(alice, bob, "pong")), "pong");
  }
  EXPECT_EQ(read(bob, alice, exchange), "failed: duplicate");
  EXPECT_EQ(read(bob, alice, plain), "failed: duplicate");
}

TEST_P(OmemoConversation, SurvivesBothStartingASessionAtTheSameTime) {
  introduce(alice, bob);
  introduce(bob, alice);
  const auto from_alice = write(alice, bob, "me first");
  const auto from_bob = write(bob, alice, "no, me");
  EXPECT_EQ(read(bob, alice, from_alice), "me first");
  EXPECT_EQ(read(alice, bob, from_bob), "no, me");
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(read(bob, alice, write(alice, bob, "a")), "a");
    EXPECT_EQ(read(alice, bob, write(bob, alice, "b")), "b");
  }
}

TEST_P(OmemoConversation, ReachesSeveralDevicesWithOnePayload) {
  Person phone("bob@montague.example");
  introduce(alice, bob);
  introduce(alice, phone);
  const std::vector<Address> recipients{bob.address(), phone.address(), alice.address()};
  const auto outgoing = alice.device.encrypt(version(), recipients, "to all");
  ASSERT_TRUE(outgoing.has_value());
  EXPECT_EQ(outgoing->message.keys.size(), 2U) << "the own device is left out";
  EXPECT_EQ(read(bob, alice, outgoing->message), "to all");
  EXPECT_EQ(read(phone, alice, outgoing->message), "to all");
}

TEST_P(OmemoConversation, IsNotReadByADeviceWithoutAKey) {
  Person carol("carol@capulet.example");
  introduce(alice, bob);
  EXPECT_EQ(read(carol, alice, write(alice, bob, "secret")), "failed: not_for_us");
}

TEST_P(OmemoConversation, ContinuesAfterTheDevicesWereOpenedAgain) {
  settle();
  for (int i = 0; i < 3; ++i) {
    alice.device = Device::open(alice.store).value();
    bob.device = Device::open(bob.store).value();
    EXPECT_EQ(read(bob, alice, write(alice, bob, "still here")), "still here");
    EXPECT_EQ(read(alice, bob, write(bob, alice, "me too")), "me too");
  }
}

TEST_P(OmemoConversation, AsksForAHeartbeatWhenOneSideOnlyListens) {
  settle();
  std::vector<EncryptedMessage> messages;
  for (int i = 0; i <= 54; ++i) messages.push_back(write(alice, bob, "monologue"));
  const auto early = bob.device.decrypt(alice.address().jid, messages.at(0));
  ASSERT_TRUE(early.has_value());
  EXPECT_FALSE(early->heartbeat_due);
  // XEP-0384 §6 speaks of the first message with a counter of 53 or more, whichever arrives.
  const auto late = bob.device.decrypt(alice.address().jid, messages.at(54));
  ASSERT_TRUE(late.has_value());
  EXPECT_TRUE(late->heartbeat_due);
  const auto later = bob.device.decrypt(alice.address().jid, messages.at(53));
  ASSERT_TRUE(later.has_value());
  EXPECT_FALSE(later->heartbeat_due);
}

TEST_P(OmemoConversation, KeepsTheSessionsOfTheTwoVersionsApart) {
  settle();
  const Version other = version() == Version::v2 ? Version::legacy : Version::v2;
  EXPECT_FALSE(alice.device.has_session(other, bob.address()).value());
  ASSERT_TRUE(alice.device.start_session(other, bob.address(), bob.device.bundle(other).value()));
  const std::vector<Address> recipients{bob.address()};
  EXPECT_EQ(read(bob, alice, alice.device.encrypt(other, recipients, "elsewhere").value().message), "elsewhere");
  EXPECT_EQ(read(bob, alice, write(alice, bob, "and here")), "and here");
}

}  // namespace
}  // namespace rookery::crypto::omemo
