// Addresses of peers, as limits count them.
#pragma once

#include <string>

namespace rookery::server {

/// Who counts as one peer: an IPv4 address, or the /64 of an IPv6 one, which is what one customer gets. An IPv4 address
/// that is written as IPv6 (::ffff:192.0.2.1) is itself. What is no address stands for itself.
std::string network_of(const std::string& ip);

}  // namespace rookery::server
