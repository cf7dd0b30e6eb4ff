// Bytes of a client as WebSocket frames (RFC 6455 §5). The first byte chooses where the rest is split: it must not
// matter.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/edge/websocket_frames.h"

using namespace rookery::server;

namespace {

constexpr size_t limit = 512;

std::vector<std::string> read(const std::vector<std::string_view>& parts) {
  std::vector<std::string> events;
  WebSocketReader reader(limit);
  for (const auto part : parts) {
    reader.feed(part);
    while (auto got = reader.next()) {
      if (!*got) {
        events.push_back("error " + std::to_string(static_cast<int>(got->error())));
        continue;
      }
      if ((*got)->data.size() > limit || (*got)->opcode == WebSocketOpcode::continuation) __builtin_trap();
      events.push_back(std::to_string(static_cast<int>((*got)->opcode)) + (*got)->data);
    }
  }
  return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t split = data[0] % (bytes.size() + 1);
  if (read({bytes}) != read({bytes.substr(0, split), bytes.substr(split)})) __builtin_trap();
  return 0;
}
