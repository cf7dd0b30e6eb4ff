#include "server/edge/connection_limits.h"

#include <utility>

#include "server/net/address.h"

namespace rookery::server {

void ConnectionLimits::Place::swap(Place& other) noexcept {
  std::swap(limits_, other.limits_);
  std::swap(id_, other.id_);
  close_.swap(other.close_);
}

void ConnectionLimits::Place::leave() {
  close_.reset();
  if (limits_ == nullptr) return;
  ConnectionLimits& limits = *std::exchange(limits_, nullptr);
  const std::lock_guard lock(limits.mutex_);
  const auto entry = limits.entries_.find(id_);
  if (entry != limits.entries_.end()) limits.remove(entry);
}

ConnectionLimits::Place ConnectionLimits::enter(const std::string& ip, const std::string& listener, Loop& loop,
                                                Close close) {
  Place place;
  place.limits_ = this;
  place.close_ = std::make_shared<Close>(std::move(close));
  std::string network = network_of(ip);
  const std::lock_guard lock(mutex_);
  if (const auto& here = by_network_[network]; here.size() >= caps_.per_network) evict(*here.begin());
  if (const auto& here = by_listener_[listener]; here.size() >= caps_.per_listener) evict(*here.begin());
  if (entries_.size() >= caps_.total) evict(entries_.begin()->first);
  place.id_ = next_id_++;
  by_network_[network].insert(place.id_);
  by_listener_[listener].insert(place.id_);
  entries_.emplace(place.id_, Entry{std::move(network), listener, &loop, place.close_});
  return place;
}

void ConnectionLimits::evict(uint64_t id) {
  const auto entry = entries_.find(id);
  entry->second.loop->post([close = entry->second.close] {
    // Whoever authenticated meanwhile has left its place, on this loop, and is none of our business any more.
    if (const auto still_here = close.lock()) (*still_here)();
  });
  ++evicted_;
  remove(entry);
}

void ConnectionLimits::remove(std::map<uint64_t, Entry>::iterator entry) {
  remove_from(by_network_, entry->second.network, entry->first);
  remove_from(by_listener_, entry->second.listener, entry->first);
  entries_.erase(entry);
}

void ConnectionLimits::remove_from(Index& index, const std::string& key, uint64_t id) {
  const auto ids = index.find(key);
  ids->second.erase(id);
  if (ids->second.empty()) index.erase(ids);
}

size_t ConnectionLimits::count() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

uint64_t ConnectionLimits::evicted() const {
  const std::lock_guard lock(mutex_);
  return evicted_;
}

}  // namespace rookery::server
