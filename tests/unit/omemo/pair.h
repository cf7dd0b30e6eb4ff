// Two people with one device each, who write to each other in one version of OMEMO.
#pragma once

#include <gtest/gtest.h>

#include "crypto/omemo/omemo.h"

namespace rookery::crypto::omemo {

struct Person {
  explicit Person(const std::string& jid, Device::Clock::time_point now = Device::Clock::now())
      : device(Device::create(store, jid, 0, now).value()) {}
  const Address& address() const { return device.address(); }

  MemoryStore store;
  Device device;
};

class Pair : public testing::TestWithParam<Version> {
 protected:
  Version version() const { return GetParam(); }

  /// `from` builds a session with the bundle of `to`.
  void introduce(Person& from, Person& to) {
    const auto started = from.device.start_session(version(), to.address(), to.device.bundle(version()).value());
    ASSERT_TRUE(started.has_value()) << started.error().message;
  }

  EncryptedMessage write(Person& from, Person& to, std::string_view text) {
    const std::vector<Address> recipients{to.address()};
    auto outgoing = from.device.encrypt(version(), recipients, text);
    EXPECT_TRUE(outgoing.has_value()) << outgoing.error().message;
    EncryptedMessage message = std::move(outgoing->message);
    // The legacy format carries no JID.
    if (version() == Version::legacy) message.keys.at(0).recipient.jid.clear();
    return message;
  }

  std::string read(Person& by, Person& from, const EncryptedMessage& message) {
    const auto incoming = by.device.decrypt(from.address().jid, message);
    if (!incoming) return "failed: " + std::string(to_string(incoming.error()));
    return incoming->plaintext.value_or("(empty)");
  }

  /// Both sides have heard of each other: no more key exchanges.
  void settle() {
    introduce(alice, bob);
    ASSERT_EQ(read(bob, alice, write(alice, bob, "hello")), "hello");
    ASSERT_EQ(read(alice, bob, write(bob, alice, "hi")), "hi");
  }

  Person alice{"alice@capulet.example"};
  Person bob{"bob@montague.example"};
};

inline std::string version_name(const testing::TestParamInfo<Version>& info) {
  return info.param == Version::legacy ? "legacy" : "v2";
}

}  // namespace rookery::crypto::omemo
