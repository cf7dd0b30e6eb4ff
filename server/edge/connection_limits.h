// Connections that have not authenticated and bound a session yet, per network, per listener and in all (REQUIREMENTS
// 2). Shared by all loops.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>

#include "server/loop.h"

namespace rookery::server {

class ConnectionLimits {
 public:
  struct Caps {
    unsigned per_network = 256;  ///< an IPv4 address or an IPv6 /64
    unsigned per_listener = 2048;
    unsigned total = 4096;
  };
  using Close = std::function<void()>;

  /// What a connection is counted under.
  struct Origin {
    std::string network, listener;
  };

  /// A connection's place among those that have no session yet. Left when it goes; leave it on the connection's
  /// loop.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept { swap(other); }
    Place& operator=(Place&& other) noexcept {
      Place(std::move(other)).swap(*this);
      return *this;
    }
    ~Place() { leave(); }
    void leave();
    /// Leaves, to enter again on another loop; empty when the place was lost.
    Origin leave_for_another_loop();

   private:
    friend class ConnectionLimits;
    void swap(Place& other) noexcept;
    ConnectionLimits* limits_ = nullptr;
    uint64_t id_ = 0;
    std::shared_ptr<Close> close_;  ///< gone with the place: no `close` comes after it was left
  };

  explicit ConnectionLimits(Caps caps) : caps_(caps) {}

  /// Never refuses: where a cap is full the oldest connection under that cap loses its place, and its `close` runs on
  /// its loop. Old ones are those that do not log in; whoever wants to keep a newcomer out has to keep coming himself.
  Place enter(const std::string& ip, const std::string& listener, Loop& loop, Close close);
  Place enter(Origin origin, Loop& loop, Close close);

  size_t count() const;
  uint64_t evicted() const;  ///< since the start

 private:
  using Ids = std::set<uint64_t>;  ///< ascending: the oldest first
  using Index = std::unordered_map<std::string, Ids>;
  struct Entry {
    Origin origin;
    Loop* loop = nullptr;
    std::weak_ptr<Close> close;
  };
  void evict(uint64_t id);
  Origin remove(std::map<uint64_t, Entry>::iterator entry);
  static void remove_from(Index& index, const std::string& key, uint64_t id);

  const Caps caps_;
  mutable std::mutex mutex_;
  std::map<uint64_t, Entry> entries_;
  Index by_network_, by_listener_;
  uint64_t next_id_ = 1;
  uint64_t evicted_ = 0;
};

}  // namespace rookery::server
