#include "client/core/net/stream_management.h"

#include <utility>

namespace rookery::client {

void StreamManagement::start(std::string id) {
  enabled_ = true;
  id_ = std::move(id);
  handled_ = 0;
  acknowledged_ = 0;
  queue_.clear();
}

void StreamManagement::stop() {
  enabled_ = false;
  id_.clear();
  queue_.clear();
}

void StreamManagement::sent(Stanza stanza) {
  if (enabled_) queue_.push_back(std::move(stanza));
}

StreamManagement::Acknowledged StreamManagement::acknowledged(uint32_t h) {
  // XEP-0198 §4: the counter wraps at 2^32, and so does the difference.
  const uint32_t count = h - acknowledged_;
  if (count > queue_.size()) return {{}, false};
  Acknowledged result;
  for (uint32_t i = 0; i < count; ++i) {
    if (queue_.front().message) result.messages.push_back(queue_.front().message);
    queue_.pop_front();
  }
  acknowledged_ = h;
  return result;
}

}  // namespace rookery::client
