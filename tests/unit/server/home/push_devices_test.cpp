// XEP-0357: one push at a time for each device, and when it is switched off.
#include "server/home/push_devices.h"

#include <gtest/gtest.h>

namespace rookery::server {
namespace {

class PushDevicesTest : public testing::Test {
 protected:
  static xmpp::Jid jid(std::string_view text) { return xmpp::Jid::parse(text).value(); }
  static storage::PushTarget target(std::string node) {
    return {.service = jid("push.example"), .node = std::move(node), .options = {}, .device = "phone"};
  }
  PushDevices::Device& phone() { return devices.all().front(); }
  bool tell() { return devices.told(phone(), PushDevices::News::message, romeo, now); }
  PushDevices::Outcome answer(bool failed, bool is_final = false) {
    return devices.answered(phone().sent_id, service, failed, is_final, now);
  }

  PushDevices devices{{target("a")}};
  const xmpp::Jid service = jid("push.example"), romeo = jid("romeo@example.org/orchard");
  Clock::time_point now{};
};

TEST_F(PushDevicesTest, WhatComesWhileAPushIsUnansweredIsToldWithTheNextOne) {
  EXPECT_TRUE(tell());
  EXPECT_FALSE(tell());
  EXPECT_FALSE(tell());
  const auto outcome = answer(false);
  EXPECT_TRUE(outcome.send);
  EXPECT_EQ(outcome.device->waiting, 3u);
  EXPECT_FALSE(answer(false).send) << "nothing has come since";
  EXPECT_TRUE(tell());
}

TEST_F(PushDevicesTest, RequestsAreCountedApartFromMessages) {
  EXPECT_TRUE(devices.told(phone(), PushDevices::News::request, romeo, now));
  EXPECT_EQ(phone().requests, 1u);
  EXPECT_EQ(phone().waiting, 0u);
  EXPECT_TRUE(phone().last_from.empty()) << "nobody has written";
  EXPECT_FALSE(tell());
  const auto outcome = answer(false);
  EXPECT_TRUE(outcome.send);
  EXPECT_EQ(outcome.device->requests, 1u);
  EXPECT_EQ(outcome.device->waiting, 1u);
}

TEST_F(PushDevicesTest, AnAnswerThatNeverComesDoesNotSilenceADevice) {
  EXPECT_TRUE(tell());
  now += std::chrono::seconds(59);
  EXPECT_FALSE(tell());
  now += std::chrono::seconds(1);
  EXPECT_TRUE(tell());
}

// REQ 30
TEST_F(PushDevicesTest, OnlyTheAppServerThatWasAskedMayAnswer) {
  EXPECT_TRUE(tell());
  EXPECT_EQ(devices.answered(phone().sent_id, romeo, true, true, now).device, nullptr);
  EXPECT_EQ(devices.answered("other", service, true, true, now).device, nullptr);
  EXPECT_EQ(devices.answered("", service, true, true, now).device, nullptr);
}

TEST_F(PushDevicesTest, AFinalErrorEndsItAtOnceAndAPassingOneWhenItStays) {
  tell();
  EXPECT_TRUE(answer(true, true).drop);
  devices.put(target("a"));
  for (int failure = 1; failure <= 7; ++failure) {
    tell();
    EXPECT_FALSE(answer(true).drop) << failure;
  }
  tell();
  EXPECT_TRUE(answer(true).drop);
}

TEST_F(PushDevicesTest, ASuccessForgivesFailures) {
  for (int round = 0; round < 20; ++round) {
    tell();
    EXPECT_FALSE(answer(true).drop);
    tell();
    EXPECT_FALSE(answer(false).drop);
  }
}

TEST_F(PushDevicesTest, ATargetIsReplacedAndRemovedByServiceAndNode) {
  auto newer = target("a");
  newer.device = "tablet";
  devices.put(newer);
  devices.put(target("b"));
  ASSERT_EQ(devices.all().size(), 2u);
  EXPECT_EQ(phone().target.device, "tablet");
  devices.remove(service, "a");
  EXPECT_EQ(devices.all().size(), 1u);
  devices.remove(service, std::nullopt);
  EXPECT_TRUE(devices.all().empty());
}

}  // namespace
}  // namespace rookery::server
