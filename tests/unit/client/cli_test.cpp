#include <gtest/gtest.h>

#include "client/cli/command.h"
#include "client/cli/render.h"

namespace rookery::cli {
namespace {

TEST(Harmless, ShowsWhatATerminalWouldObey) {
  EXPECT_EQ(harmless("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(harmless("\x7f\r"), "\\x7f\\x0d");
  EXPECT_EQ(harmless("\xc2\x9b"
                     "31m"),
            "\\x9b31m");
  EXPECT_EQ(harmless("abc\xe2\x80\xae"
                     "def"),
            "abc\\udef");
  EXPECT_EQ(harmless("two\nlines"), "two\n    lines");
  EXPECT_EQ(harmless("grüße 你好"), "grüße 你好");
  EXPECT_EQ(harmless("cut\xe2\x80"), "cut\xe2\x80");
}

// XEP-0454 §6: no address that a browser would open, and no key on the screen.
TEST(Line, ShowsAnEncryptedFileWithoutItsKey) {
  client::ChatMessage message;
  message.peer = *xmpp::Jid::parse("juliet@example.org");
  message.text = "aesgcm://example.org/a/rose.jpg#" + std::string(88, 'f');
  const auto line = to_line(message);
  EXPECT_NE(line.find("rose.jpg"), std::string::npos);
  EXPECT_NE(line.find("/download juliet@example.org"), std::string::npos);
  EXPECT_EQ(line.find("ffff"), std::string::npos);
  EXPECT_EQ(line.find("://"), std::string::npos);
}

TEST(Command, TakesAddressAndTextApart) {
  const auto command = parse_command("/msg juliet@example.org  But soft!  what light\r");
  ASSERT_TRUE(command);
  EXPECT_EQ(command->name, "msg");
  EXPECT_EQ(command->jid, "juliet@example.org");
  EXPECT_EQ(command->text, "But soft!  what light");
}

TEST(Command, ALineWithoutSlashIsSaid) {
  EXPECT_EQ(parse_command("hello")->name, "say");
  EXPECT_EQ(parse_command("//home")->text, "/home");
}

TEST(Command, SaysWhatIsMissing) {
  EXPECT_FALSE(parse_command("/msg juliet@example.org"));
  EXPECT_FALSE(parse_command("/add"));
  EXPECT_FALSE(parse_command("/nonsense x"));
  EXPECT_FALSE(parse_command("/say x"));
}

TEST(JsonCommand, MayHoldWhatALineCannot) {
  const auto command = parse_json_command(R"({"command":"msg","jid":"juliet@example.org","text":"two\nlines"})");
  ASSERT_TRUE(command);
  EXPECT_EQ(command->text, "two\nlines");
  EXPECT_FALSE(parse_json_command("{"));
  EXPECT_FALSE(parse_json_command("[]"));
  EXPECT_FALSE(parse_json_command(R"({"command":"msg"})"));
  EXPECT_FALSE(parse_json_command(R"({"command":"msg x@example.org y"})"));
}

TEST(Json, IsOneLineWhateverTheTextIs) {
  client::ChatMessage message;
  message.text = "two\nlines \x1b";
  const auto json = to_json(message, "message");
  EXPECT_EQ(json.find('\n'), std::string::npos);
  EXPECT_EQ(json.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace rookery::cli
