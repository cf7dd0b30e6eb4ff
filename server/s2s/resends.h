// Messages of other servers that are on their way to the disk: one that comes again meanwhile, perhaps over another
// stream, is counted when the first one is durable, and written once (REQUIREMENTS 20). Shared by all loops.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/loop.h"
#include "server/routing/envelope.h"

namespace rookery::server {
class Node;
}

namespace rookery::server::s2s {

class Resends {
 public:
  /// The name by which the log recognises the message, from its origin-id or, where there is none, from its id and its
  /// text. Empty: nobody writes it, so nobody remembers it.
  static std::string key_of(Node& node, const Envelope& envelope);

  /// false: the same one is under way; its sender is told with the first one's.
  bool begin(const std::string& key, const SenderRef& sender);
  /// It is durable: who else waits for it.
  std::vector<SenderRef> end(const std::string& key);
  void forget(const std::string& key) { (void)end(key); }

 private:
  struct Entry {
    Clock::time_point begun;
    std::vector<SenderRef> others;
  };
  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace rookery::server::s2s
