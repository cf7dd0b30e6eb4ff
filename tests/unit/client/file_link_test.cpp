#include "client/core/files/file_link.h"

#include <gtest/gtest.h>

namespace rookery::client {
namespace {

const std::string secret = "8c3d050e9386ec173861778f68e9af38a97aaf82faa4063b4d0878a61261534410c8a84331eaac851759f587";

// XEP-0454 §3, its own example.
TEST(FileLink, ReadsTheExampleOfTheXep) {
  const std::string address =
      "aesgcm://download.montague.tld/4a771ac1-f0b2-4a4a-9700-f2a26fa2bb67/tr%C3%A8s%20cool.jpg#" + secret;
  const auto link = FileLink::parse(address);
  ASSERT_TRUE(link);
  EXPECT_EQ(link->url, "https://download.montague.tld/4a771ac1-f0b2-4a4a-9700-f2a26fa2bb67/tr%C3%A8s%20cool.jpg");
  EXPECT_EQ(link->name, "très cool.jpg");
  EXPECT_EQ(link->iv.size(), 12u);
  EXPECT_EQ(link->key.size(), 32u);
  EXPECT_EQ(link->to_text(), address);
  EXPECT_TRUE(FileLink::parse(address + "\ndata:image/jpeg,/9j/4AAQ"));
}

// XEP-0454 §5: the parser is strict.
TEST(FileLink, RefusesWhatIsMoreOrLessThanAnAddress) {
  const std::string address = "aesgcm://example.org/a.jpg#" + secret;
  for (const auto& text :
       {address + " look", "look " + address, address + "\nsecond line", address.substr(0, address.size() - 2),
        address + "zz", std::string("aesgcm://example.org/a.jpg"), "aesgcm://example.org#" + secret,
        std::string("http://example.org/a.jpg"), std::string("https://example.org/"),
        std::string("https://example.org/a page"), std::string("https://example.org/blog"), std::string("hello"),
        std::string()})
    EXPECT_FALSE(FileLink::parse(text)) << text;
  EXPECT_TRUE(FileLink::parse("https://example.org/a.jpg"));
  EXPECT_FALSE(FileLink::parse("https://example.org/a.jpg")->is_encrypted());
}

// REQ 34
TEST(FileLink, ANameStaysInTheFolder) {
  EXPECT_EQ(safe_file_name("../../etc/passwd"), "passwd");
  EXPECT_EQ(safe_file_name("..\\..\\boot.ini"), "boot.ini");
  EXPECT_EQ(safe_file_name(".."), "file");
  EXPECT_EQ(safe_file_name(""), "file");
  EXPECT_EQ(safe_file_name("a/"), "file");
  EXPECT_EQ(safe_file_name(".bashrc"), "bashrc");
  EXPECT_EQ(safe_file_name(" . x"), "x");
  EXPECT_EQ(safe_file_name(std::string("a\0b\n\x1b[2J.txt", 12)), "ab[2J.txt");
  const auto name = safe_file_name(std::string(500, 'a') + ".jpeg");
  EXPECT_EQ(name.size(), 120u);
  EXPECT_TRUE(name.ends_with(".jpeg"));
  EXPECT_EQ(FileLink::parse("https://example.org/x/%2e%2e%2f%2e%2e%2fevil.sh")->name, "evil.sh");
  EXPECT_EQ(FileLink::parse("https://example.org/%00.txt")->name, "txt");
}

TEST(FileLink, OpensWhatItSealedAndNothingElse) {
  auto link = FileLink::with_key();
  const std::string sealed = link.seal("a picture");
  EXPECT_EQ(*link.open(sealed), "a picture");
  EXPECT_EQ(link.open(sealed + "x").error().failure, Failure::denied);
  EXPECT_EQ(link.open("short").error().failure, Failure::denied);
  EXPECT_NE(FileLink::with_key().seal("a picture"), sealed);
}

}  // namespace
}  // namespace rookery::client
