#include "server/edge/connection_limits.h"

#include <utility>

#include "server/net/address.h"

namespace rookery::server {

void ConnectionLimits::Place::swap(Place& other) noexcept {
  std::swap(limits_, other.limits_);
  std::swap(id_, other.id_);
  close_.swap(other.close_);
}

void ConnectionLimits::Place::leave() { leave_for_another_loop(); }

ConnectionLimits::Origin ConnectionLimits::Place::leave_for_another_loop() {
  close_.reset();
  if (limits_ == nullptr) return {};
  ConnectionLimits& limits = *std::exchange(limits_, nullptr);
  const std::lock_guard lock(limits.mutex_);
  const auto entry = limits.entries_.find(id_);
  return entry == limits.entries_.end() ? Origin() : limits.remove(entry);
}

ConnectionLimits::Place ConnectionLimits::enter(const std::string& ip, const std::string& listener, Loop& loop,
                                                Close close) {
  return enter({network_of(ip), listener}, loop, std::move(close));
}

ConnectionLimits::Place ConnectionLimits::enter(Origin origin, Loop& loop, Close close) {
  Place place;
  place.limits_ = this;
  place.close_ = std::make_shared<Close>(std::move(close));
  const std::lock_guard lock(mutex_);
  if (const auto& here = by_network_[origin.network]; here.size() >= caps_.per_network) evict(*here.begin());
  if (const auto& here = by_listener_[origin.listener]; here.size() >= caps_.per_listener) evict(*here.begin());
  if (entries_.size() >= caps_.total) evict(entries_.begin()->first);
  place.id_ = next_id_++;
  by_network_[origin.network].insert(place.id_);
  by_listener_[origin.listener].insert(place.id_);
  entries_.emplace(place.id_, Entry{std::move(origin), &loop, place.close_});
  return place;
}

void ConnectionLimits::evict(uint64_t id) {
  const auto entry = entries_.find(id);
  entry->second.loop->post([close = entry->second.close] {
    // Whoever has a session by now has left its place, on this loop, and is none of our business any more.
    if (const auto still_here = close.lock()) (*still_here)();
  });
  ++evicted_;
  remove(entry);
}

ConnectionLimits::Origin ConnectionLimits::remove(std::map<uint64_t, Entry>::iterator entry) {
  Origin origin = std::move(entry->second.origin);
  remove_from(by_network_, origin.network, entry->first);
  remove_from(by_listener_, origin.listener, entry->first);
  entries_.erase(entry);
  return origin;
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
