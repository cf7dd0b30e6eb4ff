// How many connections have not authenticated yet: per address and in all (REQUIREMENTS 2). Shared by all loops.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

namespace rookery::server {

class ConnectionLimits {
 public:
  ConnectionLimits(unsigned per_ip, unsigned total) : per_ip_(per_ip), total_(total) {}
  /// false: full. Each true must be followed by one leave().
  bool enter(const std::string& ip) {
    const std::lock_guard lock(mutex_);
    if (count_ >= total_) return false;
    auto& here = by_ip_[network(ip)];
    if (here >= per_ip_) return false;
    ++here;
    ++count_;
    return true;
  }
  void leave(const std::string& ip) {
    const std::lock_guard lock(mutex_);
    const auto found = by_ip_.find(network(ip));
    if (found == by_ip_.end()) return;
    --count_;
    if (--found->second == 0) by_ip_.erase(found);
  }

 private:
  /// IPv4: the address (/32); IPv6: its first four groups as written (/64 of an uncompressed prefix).
  static std::string network(const std::string& ip) {
    if (ip.find(':') == std::string::npos) return ip;
    size_t at = 0;
    for (int groups = 0; groups < 4 && at != std::string::npos; ++groups) at = ip.find(':', at + 1);
    return ip.substr(0, at);
  }
  const unsigned per_ip_, total_;
  std::mutex mutex_;
  std::unordered_map<std::string, unsigned> by_ip_;
  unsigned count_ = 0;
};

}  // namespace rookery::server
