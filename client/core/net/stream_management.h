// XEP-0198 counters and the queue of what the server has not acknowledged. No I/O.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace rookery::client {

class StreamManagement {
 public:
  struct Stanza {
    std::string xml;
    int64_t message = 0;  ///< id in the local history; 0 for anything else
  };

  /// A new session: `id` is empty when it cannot be resumed.
  void start(std::string id);
  void stop();
  bool enabled() const { return enabled_; }
  bool can_resume() const { return enabled_ && !id_.empty(); }
  const std::string& id() const { return id_; }

  void sent(Stanza stanza);
  /// §4: what `h` newly acknowledges. An `h` that counts more than was sent is nonsense: nothing is acknowledged, and
  /// `valid` says so.
  struct Acknowledged {
    std::vector<int64_t> messages;
    bool valid = true;
  };
  Acknowledged acknowledged(uint32_t h);
  const std::deque<Stanza>& unacknowledged() const { return queue_; }

  /// Call it after our own commit (REQUIREMENTS 32).
  void handled() { ++handled_; }
  uint32_t handled_count() const { return handled_; }

 private:
  bool enabled_ = false;
  std::string id_;
  uint32_t handled_ = 0;
  uint32_t acknowledged_ = 0;
  std::deque<Stanza> queue_;
};

}  // namespace rookery::client
