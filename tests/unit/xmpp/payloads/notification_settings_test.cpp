// XEP-0492 §3: the most specific element counts.
#include "xmpp/payloads/notification_settings.h"

#include <gtest/gtest.h>

#include "xmpp/stream_parser.h"

namespace rookery::xmpp {
namespace {

std::optional<Notify> setting(std::string_view inside) {
  const auto notify =
      parse_document("<notify xmlns='urn:xmpp:notification-settings:1'>" + std::string(inside) + "</notify>").value();
  return notify_setting(*notify, "client", "phone");
}

TEST(NotificationSettings, TheMostSpecificCounts) {
  EXPECT_EQ(setting("<never/>"), Notify::never);
  EXPECT_EQ(setting("<always identity-category='client'/><never/>"), Notify::always);
  EXPECT_EQ(
      setting(
          "<never/><always identity-category='client'/><on-mention identity-category='client' identity-type='phone'/>"),
      Notify::on_mention);
}

TEST(NotificationSettings, WhatIsForOthersDoesNotCount) {
  EXPECT_EQ(setting("<never identity-category='client' identity-type='pc'/><always/>"), Notify::always);
  EXPECT_EQ(setting("<never identity-category='gateway'/>"), std::nullopt);
  EXPECT_EQ(setting("<never identity-type='phone'/>"), std::nullopt) << "a type without its category";
  EXPECT_EQ(setting("<never xmlns='urn:other'/>"), std::nullopt);
  EXPECT_EQ(setting(""), std::nullopt);
}

}  // namespace
}  // namespace rookery::xmpp
