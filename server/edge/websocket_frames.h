// The frames of WebSocket (RFC 6455 §5), server side: bytes in, messages out. No extensions, so no permessage-deflate
// (REQUIREMENTS 8).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace rookery::server {

enum class WebSocketOpcode : uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

struct WebSocketMessage {
  WebSocketOpcode opcode = WebSocketOpcode::text;  ///< never continuation: fragments are joined
  std::string data;
};

/// RFC 6455 §7.4.1
enum class WebSocketClose : uint16_t {
  normal = 1000,
  protocol_error = 1002,
  unsupported_data = 1003,
  invalid_data = 1007,
  too_big = 1009
};

/// Reads a client's frames.
class WebSocketReader {
 public:
  /// Of one message in all its fragments.
  explicit WebSocketReader(size_t most_bytes) : most_bytes_(most_bytes) {}
  void set_limit(size_t most_bytes) { most_bytes_ = most_bytes; }
  void feed(std::string_view bytes) { buffer_ += bytes; }
  /// The next whole message, or why the connection has to be closed; nothing follows that.
  std::optional<std::expected<WebSocketMessage, WebSocketClose>> next();

 private:
  struct Header {
    WebSocketOpcode opcode{};
    bool is_final = false;
    size_t header_bytes = 0, payload_bytes = 0;
  };
  std::expected<std::optional<Header>, WebSocketClose> read_header() const;
  std::optional<WebSocketMessage> take(const Header& header);

  size_t most_bytes_;
  std::string buffer_;
  std::string message_;  ///< the fragments of a message that is not complete
  std::optional<WebSocketOpcode> fragmented_;
  bool failed_ = false;
};

/// One unmasked frame, as a server sends it.
std::string websocket_frame(WebSocketOpcode opcode, std::string_view payload);
std::string websocket_close_frame(WebSocketClose code);

/// RFC 6455 §4.2.2: the Sec-WebSocket-Accept for this key.
std::string websocket_accept(std::string_view key);

}  // namespace rookery::server
