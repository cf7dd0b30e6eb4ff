#include "xmpp/payloads/pubsub/subscribe_options.h"

#include <gtest/gtest.h>

#include "xmpp/namespaces.h"
#include "xmpp/payloads/pubsub/node_config.h"

namespace rookery::xmpp::pubsub {
namespace {

DataForm options_form(std::string_view var, std::string_view value) {
  auto form = DataForm::make(DataForm::Type::submit, ns::pubsub_subscribe_options);
  form.add(var, value);
  return form;
}

TEST(SubscribeOptions, TakeWhatAFormNames) {
  SubscribeOptions options;
  EXPECT_TRUE(options.apply(options_form("pubsub#deliver", "0")));
  EXPECT_FALSE(options.deliver);
  EXPECT_TRUE(options.apply(options_form("pubsub#expire", "2026-03-01T12:00:00Z")));
  EXPECT_FALSE(options.deliver) << "what is not named stays";
  ASSERT_TRUE(options.expire);
  EXPECT_FALSE(options.is_live(*options.expire));
  EXPECT_TRUE(options.is_live(*options.expire - std::chrono::seconds(1)));
  EXPECT_TRUE(options.apply(options_form("pubsub#expire", "")));
  EXPECT_FALSE(options.expire);
}

TEST(SubscribeOptions, RefuseWhatTheyDoNotKnow) {
  for (const auto& form :
       {options_form("pubsub#deliver", "perhaps"), options_form("pubsub#digest", "1"),
        options_form("pubsub#expire", "soon"), DataForm::make(DataForm::Type::submit, ns::pubsub_node_config)}) {
    SubscribeOptions options;
    const auto applied = options.apply(form);
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().condition, Condition::bad_request);
    EXPECT_EQ(applied.error().application_name, "invalid-options");
    EXPECT_EQ(options, SubscribeOptions{});
  }
}

TEST(NodeConfig, WhatIsNotDoneHereCanOnlyBeSwitchedOff) {
  const auto with = [](std::string_view var, std::string_view value) {
    auto form = DataForm::make(DataForm::Type::submit, ns::pubsub_node_config);
    form.add(var, value);
    NodeConfig config;
    return config.apply(form).has_value();
  };
  EXPECT_TRUE(with("pubsub#purge_offline", "false"));
  EXPECT_FALSE(with("pubsub#purge_offline", "true"));
  EXPECT_TRUE(with("pubsub#tempsub", "0"));
  EXPECT_FALSE(with("pubsub#tempsub", "1"));
  EXPECT_TRUE(with("pubsub#publish_node_full", "discard-oldest"));
  EXPECT_FALSE(with("pubsub#publish_node_full", "reject"));
  EXPECT_TRUE(with("pubsub#itemreply", "publisher"));
  EXPECT_FALSE(with("pubsub#itemreply", "anybody"));
}

}  // namespace
}  // namespace rookery::xmpp::pubsub
