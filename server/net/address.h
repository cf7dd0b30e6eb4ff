// Addresses of peers, as limits count them.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace rookery::server {

/// Who counts as one peer: an IPv4 address, or the /64 of an IPv6 one, which is what one customer gets. An IPv4 address
/// that is written as IPv6 (::ffff:192.0.2.1) is itself. What is no address stands for itself.
std::string network_of(const std::string& ip);

/// Addresses and networks ("10.0.0.0/8", "2001:db8::/32").
class Networks {
 public:
  /// nullopt when one of them is neither.
  static std::optional<Networks> parse(const std::vector<std::string>& texts);
  bool contains(const std::string& ip) const;

 private:
  struct Network {
    std::string bytes;  ///< 16; an IPv4 address as IPv6 has it
    unsigned bits = 0;
  };
  std::vector<Network> networks_;
};

}  // namespace rookery::server
