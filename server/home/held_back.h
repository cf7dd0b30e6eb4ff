// What waits while a client is inactive (XEP-0352): the newest of each kind, in the order in which the newest ones
// came.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rookery::server {

class HeldBack {
 public:
  explicit HeldBack(size_t most) : most_(most) {}

  /// Takes the stanza if it may wait and there is room; false: everything that waits has to leave, and then this one.
  bool take(std::string& xml);
  /// All of it, oldest first; nothing waits any more.
  std::vector<std::string> release();
  size_t size() const { return held_.size(); }

 private:
  struct Held {
    std::string key, xml;
  };
  const size_t most_;
  size_t bytes_ = 0;
  std::vector<Held> held_;
};

}  // namespace rookery::server
