#include "server/features/upload/slot.h"

#include <gtest/gtest.h>

namespace rookery::server {
namespace {

UploadSlot slot() {
  return {.id = "id",
          .name = "a.png",
          .type = "image/png",
          .size_bytes = 5,
          .account = xmpp::Jid::parse("romeo@example.org").value(),
          .until = 1000};
}

// REQ 26: each part is bound.
TEST(UploadSlot, IsSignedAsAWhole) {
  const std::string signature = slot().signature("key");
  EXPECT_TRUE(slot().is_signed("key", signature));
  EXPECT_FALSE(slot().is_signed("other", signature));
  EXPECT_FALSE(slot().is_signed("key", ""));
  for (const auto& change : std::initializer_list<void (*)(UploadSlot&)>{
           [](UploadSlot& s) { s.id = "ie"; }, [](UploadSlot& s) { s.name = "b.png"; },
           [](UploadSlot& s) { s.type = ""; }, [](UploadSlot& s) { s.size_bytes = 6; },
           [](UploadSlot& s) { s.account = xmpp::Jid::parse("juliet@example.org").value(); },
           [](UploadSlot& s) { s.until = 1001; }}) {
    UploadSlot changed = slot();
    change(changed);
    EXPECT_FALSE(changed.is_signed("key", signature));
  }
}

TEST(SafeFileName, KeepsTheEndingAndNothingThatClimbs) {
  EXPECT_EQ(safe_file_name("très cool.jpg"), "très cool.jpg");
  EXPECT_EQ(safe_file_name("../../etc/passwd"), "passwd");
  EXPECT_EQ(safe_file_name("C:\\temp\\x.txt"), "x.txt");
  for (const auto* name : {"", "/", ".", "..", "a/..", "\n"}) EXPECT_EQ(safe_file_name(name), "file") << name;
  EXPECT_EQ(safe_file_name("a\nb\x7f.txt"), "ab.txt");
  std::string most;
  for (int i = 0; i < 300; ++i) most += "é";
  const auto cut = safe_file_name(most + ".jpeg");
  EXPECT_LE(cut.size(), 200u);
  EXPECT_TRUE(cut.ends_with("é.jpeg")) << cut;
  EXPECT_EQ(safe_file_name(cut), cut);
}

TEST(MediaType, IsLowerCaseAndWhole) {
  EXPECT_EQ(media_type("Image/PNG"), "image/png");
  EXPECT_EQ(media_type("text/plain; charset=utf-8"), "text/plain; charset=utf-8");
  EXPECT_EQ(media_type("application/vnd.oasis.opendocument.text"), "application/vnd.oasis.opendocument.text");
  EXPECT_EQ(media_type("Audio/OGG; codecs=\"opus\""), "audio/ogg; codecs=\"opus\"");
  // What follows a comma is another type to browsers.
  for (const auto* listed : {"image/png;,text/html", "image/png; a=\"b\",text/html", "image/png; a=\"b,c\""})
    EXPECT_EQ(media_type(listed), "image/png") << listed;
  for (const auto* bad : {"", "image", "/png", "image/", "image/p\r\nX: y", "audio/x,text/html", "image/png,text/html",
                          "image/p ng", "im age/png", "a/b/c", "image/png:", "image/p\"ng", " image/png"})
    EXPECT_EQ(media_type(bad), std::nullopt) << bad;
}

TEST(MediaType, WhatCanRunIsNotShown) {
  for (const auto* type : {"image/png", "text/plain; charset=utf-8", "video/mp4"}) EXPECT_TRUE(is_shown(type)) << type;
  for (const auto* type : {"audio/mpeg", "audio/ogg; codecs=opus", "image/webp"}) EXPECT_TRUE(is_shown(type)) << type;
  for (const auto* type : {"text/html", "image/svg+xml", "text/xml", "application/javascript", "", "application/pdf",
                           "audio/x", "audio/x,text/html", "video/x-anything", "image/png;,text/html"})
    EXPECT_FALSE(is_shown(type)) << type;
}

TEST(Range, FollowsRfc9110) {
  const auto is = [](std::string_view header, int status, uint64_t first, uint64_t count) {
    const auto answer = parse_range(header, 100);
    EXPECT_EQ(answer.status, status) << header;
    EXPECT_EQ(answer.range.first, first) << header;
    EXPECT_EQ(answer.range.count, count) << header;
  };
  is("", 200, 0, 100);
  is("bytes=0-0", 206, 0, 1);
  is("bytes=90-", 206, 90, 10);
  is("bytes=90-200", 206, 90, 10);
  is("bytes=-10", 206, 90, 10);
  is("bytes=-1000", 206, 0, 100);
  is("bytes=100-", 416, 0, 0);
  is("bytes=-0", 416, 0, 0);
  for (const auto* odd : {"bytes=", "bytes=-", "bytes=5-1", "bytes=a-b", "bytes=1-2,5-6", "lines=1-2"})
    is(odd, 200, 0, 100);
}

}  // namespace
}  // namespace rookery::server
