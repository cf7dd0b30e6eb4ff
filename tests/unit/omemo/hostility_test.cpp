// What must not work: damaged and forged messages, changed keys, untrusted devices, a failing store.
#include "crypto/omemo/skipped_keys.h"
#include "tests/unit/omemo/pair.h"

namespace rookery::crypto::omemo {
namespace {

class OmemoHostility : public Pair {};
INSTANTIATE_TEST_SUITE_P(Both, OmemoHostility, testing::Values(Version::legacy, Version::v2), version_name);

TEST_P(OmemoHostility, EveryDamagedByteOfAKeyIsNoticedAndChangesNothing) {
  settle();
  const auto intact = write(alice, bob, "intact");
  const MemoryStore before = bob.store;
  for (size_t at = 0; at < intact.keys.at(0).data.size(); ++at) {
    auto damaged = intact;
    damaged.keys.at(0).data[at] ^= 0x01;
    EXPECT_TRUE(read(bob, alice, damaged).starts_with("failed: ")) << "byte " << at;
    ASSERT_TRUE(bob.store == before) << "byte " << at;
  }
  EXPECT_EQ(read(bob, alice, intact), "intact");
}

TEST_P(OmemoHostility, EveryDamagedByteOfAKeyExchangeIsNoticedAndStartsNoSession) {
  introduce(alice, bob);
  const auto intact = write(alice, bob, "intact");
  const MemoryStore before = bob.store;
  for (size_t at = 0; at < intact.keys.at(0).data.size(); ++at) {
    auto damaged = intact;
    damaged.keys.at(0).data[at] ^= 0x01;
    const std::string result = read(bob, alice, damaged);
    // The registration id of the legacy format is not authenticated and not used.
    if (result == "intact") {
      EXPECT_EQ(version(), Version::legacy);
      bob.store = before;
      continue;
    }
    EXPECT_TRUE(result.starts_with("failed: ")) << "byte " << at;
    ASSERT_TRUE(bob.store == before) << "byte " << at;
  }
  EXPECT_EQ(read(bob, alice, intact), "intact");
}

TEST_P(OmemoHostility, AChangedPayloadLeavesTheRatchetForTheRealOne) {
  settle();
  const auto intact = write(alice, bob, "intact");
  auto damaged = intact;
  damaged.payload->at(0) ^= 1;
  EXPECT_EQ(read(bob, alice, damaged), "failed: corrupt");
  EXPECT_EQ(read(bob, alice, intact), "intact");
}

// REQ 33
TEST_P(OmemoHostility, AMessageWithoutASessionStartsNone) {
  settle();
  const auto message = write(alice, bob, "hello again");
  ASSERT_TRUE(bob.device.forget_session(version(), alice.address()));
  const MemoryStore before = bob.store;
  EXPECT_EQ(read(bob, alice, message), "failed: no_session");
  EXPECT_TRUE(bob.store == before);

  // Healing: a new session and an empty message that tells of it.
  introduce(bob, alice);
  EXPECT_EQ(read(alice, bob, bob.device.encrypt_empty(version(), alice.address()).value()), "(empty)");
  EXPECT_EQ(read(bob, alice, write(alice, bob, "healed")), "healed");
}

TEST_P(OmemoHostility, AKeyExchangeWithASpentPreKeyIsRefused) {
  introduce(alice, bob);
  const auto exchange = write(alice, bob, "first");
  ASSERT_EQ(read(bob, alice, exchange), "first");
  Person mallory("mallory@example.net");
  // The same exchange under another sender's name: no session there, and the prekey is gone.
  auto replayed = exchange;
  EXPECT_EQ(read(bob, mallory, replayed), "failed: unknown_pre_key");
}

TEST_P(OmemoHostility, AChangedIdentityIsRefusedUntilItIsAccepted) {
  settle();
  MemoryStore other_store;
  Device impostor = Device::create(other_store, alice.address().jid, alice.address().device).value();
  const std::vector<Address> recipients{bob.address()};
  ASSERT_TRUE(impostor.start_session(version(), bob.address(), bob.device.bundle(version()).value()));
  const auto message = impostor.encrypt(version(), recipients, "I am Alice").value().message;
  EXPECT_EQ(read(bob, alice, message), "failed: identity_changed");
  const auto started = bob.device.start_session(version(), alice.address(), impostor.bundle(version()).value());
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().failure, Failure::denied);

  ASSERT_TRUE(bob.device.accept_identity(alice.address(), impostor.identity(), Trust::verified));
  EXPECT_EQ(read(bob, alice, message), "I am Alice");
}

TEST_P(OmemoHostility, ABundleWithAForgedSignatureOrKeyIsRefused) {
  Person mallory("mallory@example.net");
  const Bundle good = bob.device.bundle(version()).value();
  const Bundle foreign = mallory.device.bundle(version()).value();
  std::vector<Bundle> bad(7, good);
  bad[0].signature[5] ^= 1;
  bad[1].signed_pre_key = foreign.signed_pre_key;
  bad[2].identity_key = foreign.identity_key;
  bad[3].pre_keys.clear();
  bad[4].signature.clear();
  bad[5].signed_pre_key.pop_back();
  bad[6].identity_key += 'x';
  for (const Bundle& bundle : bad) {
    EXPECT_FALSE(alice.device.start_session(version(), bob.address(), bundle).has_value());
  }
  EXPECT_FALSE(alice.device.has_session(version(), bob.address()).value());
  EXPECT_TRUE(alice.device.start_session(version(), bob.address(), good).has_value());
}

// REQ 33
TEST_P(OmemoHostility, AMessageTooFarAheadIsRefusedWithoutKeepingKeys) {
  settle();
  for (uint32_t i = 0; i < skipped_keys_limit; ++i) write(alice, bob, "x");
  const auto last_in_reach = write(alice, bob, "in reach");
  const auto out_of_reach = write(alice, bob, "out of reach");
  const MemoryStore before = bob.store;
  EXPECT_EQ(read(bob, alice, out_of_reach), "failed: too_far_ahead");
  EXPECT_TRUE(bob.store == before);
  EXPECT_EQ(read(bob, alice, last_in_reach), "in reach");
}

// REQ 33
TEST_P(OmemoHostility, KeysOfSkippedMessagesAreLimitedPerDeviceAndTheOldestGoFirst) {
  settle();
  const SessionKey key{version(), alice.address()};
  std::vector<EncryptedMessage> lost;
  for (int stretch = 0; stretch < 3; ++stretch) {
    for (int i = 0; i < 450; ++i) lost.push_back(write(alice, bob, std::to_string(lost.size())));
    ASSERT_EQ(read(bob, alice, write(alice, bob, "arrived")), "arrived");
    // The second stretch begins another chain.
    if (stretch == 0) {
      ASSERT_EQ(read(alice, bob, write(bob, alice, "turn")), "turn");
    }
  }
  EXPECT_EQ(count_skipped_keys(bob.store.session(key).value().value()), skipped_keys_limit);
  EXPECT_EQ(read(bob, alice, lost.front()), "failed: key_gone");
  EXPECT_EQ(read(bob, alice, lost.at(lost.size() - skipped_keys_limit)),
            std::to_string(lost.size() - skipped_keys_limit));
  EXPECT_EQ(read(bob, alice, lost.back()), std::to_string(lost.size() - 1));
  EXPECT_EQ(count_skipped_keys(bob.store.session(key).value().value()), skipped_keys_limit - 2);
  EXPECT_EQ(read(alice, bob, write(bob, alice, "still in step")), "still in step");
}

TEST_P(OmemoHostility, KeysOfSkippedMessagesSurviveANewSessionWithinTheLimit) {
  settle();
  const SessionKey key{version(), alice.address()};
  std::vector<EncryptedMessage> lost;
  for (int session = 0; session < 3; ++session) {
    for (int i = 0; i < 450; ++i) lost.push_back(write(alice, bob, std::to_string(lost.size())));
    ASSERT_EQ(read(bob, alice, write(alice, bob, "arrived")), "arrived");
    introduce(alice, bob);
  }
  EXPECT_EQ(count_skipped_keys(bob.store.session(key).value().value()), skipped_keys_limit);
  EXPECT_EQ(read(bob, alice, lost.at(500)), "500");
  EXPECT_EQ(read(bob, alice, lost.back()), std::to_string(lost.size() - 1));
}

// REQ 33
TEST_P(OmemoHostility, NothingIsEncryptedForUntrustedDevices) {
  settle();
  const std::vector<Address> recipients{bob.address()};
  for (const auto& [trust, reason] :
       {std::pair{Trust::undecided, Skipped::undecided}, {Trust::distrusted, Skipped::distrusted}}) {
    ASSERT_TRUE(alice.device.set_trust(bob.address(), trust));
    const auto refused = alice.device.encrypt(version(), recipients, "secret");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().failure, Failure::denied);
  }
  Person phone("bob@montague.example");
  introduce(alice, phone);
  const std::vector<Address> both{bob.address(), phone.address()};
  const auto outgoing = alice.device.encrypt(version(), both, "secret");
  ASSERT_TRUE(outgoing.has_value());
  EXPECT_EQ(outgoing->message.keys.size(), 1U);
  ASSERT_EQ(outgoing->skipped.size(), 1U);
  EXPECT_EQ(outgoing->skipped[0], std::pair(bob.address(), Skipped::distrusted));
}

// REQ 33
TEST_P(OmemoHostility, ANewDeviceIsNotTrustedByItselfAfterTheFirstVerification) {
  settle();
  ASSERT_TRUE(alice.device.set_trust(bob.address(), Trust::verified));
  Person phone("bob@montague.example");
  introduce(alice, phone);
  const std::vector<Address> both{bob.address(), phone.address()};
  const auto outgoing = alice.device.encrypt(version(), both, "secret");
  ASSERT_TRUE(outgoing.has_value());
  ASSERT_EQ(outgoing->skipped.size(), 1U);
  EXPECT_EQ(outgoing->skipped[0], std::pair(phone.address(), Skipped::undecided));

  // Reading is possible, and says so.
  introduce(phone, alice);
  const auto incoming = alice.device.decrypt(phone.address().jid, write(phone, alice, "it is me"));
  ASSERT_TRUE(incoming.has_value());
  EXPECT_EQ(incoming->trust, Trust::undecided);
}

// REQ 33
TEST_P(OmemoHostility, WithoutASessionTheDeviceIsNamedAndNothingIsSent) {
  const std::vector<Address> recipients{bob.address()};
  const auto refused = alice.device.encrypt(version(), recipients, "secret");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().failure, Failure::denied);
}

/// A database whose disk is full, and which may also forget how to read.
class FailingStore final : public Store {
 public:
  explicit FailingStore(MemoryStore& good) : good_(good) {}
  Result<std::optional<OwnDevice>> own() const override { return good_.own(); }
  Result<std::map<uint32_t, PreKey>> pre_keys() const override { return good_.pre_keys(); }
  Result<std::optional<PreKey>> pre_key(uint32_t id) const override {
    if (reads_fail) return fail(Failure::io, "disk");
    return good_.pre_key(id);
  }
  Result<std::map<uint32_t, std::string>> signed_pre_keys() const override { return good_.signed_pre_keys(); }
  Result<std::optional<std::string>> session(const SessionKey& key) const override {
    if (reads_fail) return fail(Failure::io, "disk");
    return good_.session(key);
  }
  Result<std::optional<Identity>> identity(const Address& address) const override { return good_.identity(address); }
  Result<std::map<Address, Identity>> identities(std::string_view jid) const override { return good_.identities(jid); }
  Result<bool> seen(const SeenKey& key) const override { return good_.seen(key); }
  Status apply(const Changes&) override { return fail(Failure::full, "disk"); }

  bool reads_fail = false;

 private:
  MemoryStore& good_;
};

TEST_P(OmemoHostility, AFailingStoreLosesNoMessage) {
  settle();
  const auto message = write(alice, bob, "keep me");
  FailingStore failing(bob.store);
  Device on_bad_disk = Device::open(failing).value();
  EXPECT_EQ(on_bad_disk.decrypt(alice.address().jid, message).error(), DecryptFailure::store);
  failing.reads_fail = true;
  EXPECT_EQ(on_bad_disk.decrypt(alice.address().jid, message).error(), DecryptFailure::store);
  EXPECT_EQ(read(bob, alice, message), "keep me");
}

}  // namespace
}  // namespace rookery::crypto::omemo
