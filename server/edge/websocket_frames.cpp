#include "server/edge/websocket_frames.h"

#include "crypto/hash.h"

namespace rookery::server {

namespace {

constexpr size_t most_control_bytes = 125;  // RFC 6455 §5.5
constexpr size_t mask_bytes = 4;

uint64_t big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = (value << 8) | static_cast<unsigned char>(c);
  return value;
}

bool is_control(WebSocketOpcode opcode) { return static_cast<uint8_t>(opcode) >= 8; }

bool is_known(WebSocketOpcode opcode) {
  const auto number = static_cast<uint8_t>(opcode);
  return number <= 2 || (number >= 8 && number <= 10);
}

}  // namespace

std::expected<std::optional<WebSocketReader::Header>, WebSocketClose> WebSocketReader::read_header() const {
  using enum WebSocketClose;
  if (buffer_.size() < 2) return std::nullopt;
  const auto first = static_cast<unsigned char>(buffer_[0]), second = static_cast<unsigned char>(buffer_[1]);
  Header header{.opcode = static_cast<WebSocketOpcode>(first & 0x0f), .is_final = (first & 0x80) != 0};
  // §5.2: no extension was agreed on, so the reserved bits are zero; §5.1: a client masks.
  if ((first & 0x70) != 0 || !is_known(header.opcode) || (second & 0x80) == 0) return std::unexpected(protocol_error);
  const size_t length = second & 0x7f;
  const size_t extra = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (is_control(header.opcode) && (length > most_control_bytes || !header.is_final))
    return std::unexpected(protocol_error);
  // §5.4: fragments belong to one message, and nothing but control frames comes between them.
  if (header.opcode == WebSocketOpcode::continuation ? !fragmented_ : (!is_control(header.opcode) && fragmented_))
    return std::unexpected(protocol_error);
  header.header_bytes = 2 + extra + mask_bytes;
  if (buffer_.size() < header.header_bytes) return std::nullopt;
  const uint64_t payload = extra == 0 ? length : big_endian(std::string_view(buffer_).substr(2, extra));
  // §5.2: the shortest form of a length is the only one.
  if ((extra == 2 && payload < 126) || (extra == 8 && payload < 65536)) return std::unexpected(protocol_error);
  if (!is_control(header.opcode) && (payload > most_bytes_ || message_.size() > most_bytes_ - payload))
    return std::unexpected(too_big);
  header.payload_bytes = static_cast<size_t>(payload);
  return header;
}

std::optional<WebSocketMessage> WebSocketReader::take(const Header& header) {
  std::string payload = buffer_.substr(header.header_bytes, header.payload_bytes);
  const std::string_view mask = std::string_view(buffer_).substr(header.header_bytes - mask_bytes, mask_bytes);
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(payload[i] ^ mask[i % mask_bytes]);
  buffer_.erase(0, header.header_bytes + header.payload_bytes);
  if (is_control(header.opcode)) return WebSocketMessage{header.opcode, std::move(payload)};
  if (header.opcode != WebSocketOpcode::continuation) fragmented_ = header.opcode;
  message_ += payload;
  if (!header.is_final) return std::nullopt;
  return WebSocketMessage{*std::exchange(fragmented_, std::nullopt), std::exchange(message_, {})};
}

std::optional<std::expected<WebSocketMessage, WebSocketClose>> WebSocketReader::next() {
  while (!failed_) {
    const auto header = read_header();
    if (!header) {
      failed_ = true;
      buffer_.clear();
      return std::unexpected(header.error());
    }
    if (!*header || buffer_.size() < (*header)->header_bytes + (*header)->payload_bytes) return std::nullopt;
    if (auto message = take(**header)) return std::move(*message);
  }
  return std::nullopt;
}

std::string websocket_frame(WebSocketOpcode opcode, std::string_view payload) {
  std::string frame(1, static_cast<char>(0x80 | static_cast<uint8_t>(opcode)));
  const size_t size = payload.size();
  const int length_bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
  frame += static_cast<char>(length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127);
  for (int i = length_bytes - 1; i >= 0; --i) frame += static_cast<char>(size >> (8 * i));
  return frame.append(payload);
}

std::string websocket_close_frame(WebSocketClose code) {
  const auto number = static_cast<uint16_t>(code);
  const char bytes[] = {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
  return websocket_frame(WebSocketOpcode::close, {bytes, 2});
}

std::string websocket_accept(std::string_view key) {
  return crypto::base64_encode(
      crypto::digest(crypto::Hash::sha1, std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}

}  // namespace rookery::server
