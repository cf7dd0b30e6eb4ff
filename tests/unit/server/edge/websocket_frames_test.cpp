#include "server/edge/websocket_frames.h"

#include <gtest/gtest.h>

namespace rookery::server {
namespace {

using enum WebSocketOpcode;

/// A client's frame: masked.
std::string client_frame(WebSocketOpcode opcode, std::string payload, bool is_final = true) {
  std::string frame = websocket_frame(opcode, payload);
  if (!is_final) frame[0] = static_cast<char>(frame[0] & 0x7f);
  frame[1] = static_cast<char>(frame[1] | 0x80);
  constexpr std::string_view mask = "\x12\x34\x56\x78";
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
  return frame.substr(0, frame.size() - payload.size()) + std::string(mask) + payload;
}

std::string refusal(const std::string& bytes, size_t limit = 1000) {
  WebSocketReader reader(limit);
  reader.feed(bytes);
  while (auto got = reader.next()) {
    if (!*got) return std::to_string(static_cast<int>(got->error()));
  }
  return "none";
}

// RFC 6455 §1.3 gives this example.
TEST(WebSocket, AcceptsAKeyAsTheRfcSays) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocket, ReadsMessagesHoweverTheyAreSplit) {
  for (const size_t size : {0, 1, 125, 126, 65535, 65536}) {
    const std::string text(size, 'x');
    const std::string sent = client_frame(WebSocketOpcode::text, text) + client_frame(ping, "p");
    for (const size_t split : {size_t{0}, size_t{1}, size_t{3}, size_t{9}, sent.size() - 1}) {
      WebSocketReader reader(70000);
      reader.feed(sent.substr(0, split));
      auto first = reader.next();
      reader.feed(sent.substr(split));
      if (!first) first = reader.next();
      ASSERT_TRUE(first && *first) << size << " " << split;
      EXPECT_EQ((*first)->data, text);
      const auto second = reader.next();
      ASSERT_TRUE(second && *second);
      EXPECT_EQ((*second)->opcode, ping);
      EXPECT_FALSE(reader.next());
    }
  }
}

TEST(WebSocket, JoinsFragmentsAndLetsPingsBetweenThem) {
  WebSocketReader reader(1000);
  reader.feed(client_frame(text, "<a", false) + client_frame(ping, "p") + client_frame(continuation, "b", false) +
              client_frame(continuation, "/>"));
  EXPECT_EQ(reader.next()->value().opcode, ping);
  const auto joined = reader.next();
  EXPECT_EQ(joined->value().opcode, text);
  EXPECT_EQ(joined->value().data, "<ab/>");
}

// REQ 8: no extension is agreed on, so a compressed frame is an error.
TEST(WebSocket, RefusesWhatTheRfcForbids) {
  std::string compressed = client_frame(text, "x");
  compressed[0] = static_cast<char>(compressed[0] | 0x40);
  EXPECT_EQ(refusal(compressed), "1002");
  EXPECT_EQ(refusal(websocket_frame(text, "not masked")), "1002");
  EXPECT_EQ(refusal(client_frame(continuation, "of nothing")), "1002");
  EXPECT_EQ(refusal(client_frame(text, "a", false) + client_frame(text, "b")), "1002");
  EXPECT_EQ(refusal(client_frame(ping, "a", false)), "1002");
  EXPECT_EQ(refusal(client_frame(ping, std::string(126, 'x'))), "1002");
  EXPECT_EQ(refusal(client_frame(static_cast<WebSocketOpcode>(3), "x")), "1002");
  EXPECT_EQ(refusal(std::string("\x81\xfe\x00\x05", 4) + "maskxxxxx"), "1002")
      << "a length that is longer than it has to be";
  EXPECT_EQ(refusal(client_frame(text, "fine")), "none");
}

TEST(WebSocket, HoldsTheLimitOfAMessageBeforeItHasCome) {
  EXPECT_EQ(refusal(client_frame(text, std::string(10, 'x')), 10), "none");
  EXPECT_EQ(refusal(client_frame(text, std::string(11, 'x')).substr(0, 6), 10), "1009");
  EXPECT_EQ(
      refusal(client_frame(text, std::string(6, 'x'), false) + client_frame(continuation, std::string(5, 'x')), 10),
      "1009");
  EXPECT_EQ(refusal(std::string("\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10) + "mask", 10), "1009");
}

}  // namespace
}  // namespace rookery::server
