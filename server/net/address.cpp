#include "server/net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace rookery::server {

namespace {

/// 16 bytes of IPv6, in which IPv4 is ::ffff:a.b.c.d; empty when it is no address.
std::string address_bytes(const std::string& ip) {
  std::string bytes(16, '\0');
  if (inet_pton(AF_INET6, ip.c_str(), bytes.data()) == 1) return bytes;
  bytes[10] = bytes[11] = '\xff';
  return inet_pton(AF_INET, ip.c_str(), bytes.data() + 12) == 1 ? bytes : std::string();
}

}  // namespace

std::string network_of(const std::string& ip) {
  in6_addr six{};
  if (inet_pton(AF_INET6, ip.c_str(), &six) != 1) return ip;
  char text[INET6_ADDRSTRLEN] = "";
  if (IN6_IS_ADDR_V4MAPPED(&six)) {
    inet_ntop(AF_INET, &six.s6_addr[12], text, sizeof text);
    return text;
  }
  std::memset(&six.s6_addr[8], 0, 8);
  inet_ntop(AF_INET6, &six, text, sizeof text);
  return std::string(text) + "/64";
}

std::optional<Networks> Networks::parse(const std::vector<std::string>& texts) {
  Networks networks;
  for (const auto& text : texts) {
    const auto slash = text.find('/');
    const std::string ip = text.substr(0, slash);
    Network network{address_bytes(ip), 128};
    if (network.bytes.empty()) return std::nullopt;
    if (slash != std::string::npos) {
      const unsigned before = ip.find(':') == std::string::npos ? 96 : 0;
      unsigned bits = 0;
      const char* end = text.data() + text.size();
      const auto [rest, error] = std::from_chars(text.data() + slash + 1, end, bits);
      if (error != std::errc() || rest != end || bits > 128 - before) return std::nullopt;
      network.bits = before + bits;
    }
    networks.networks_.push_back(std::move(network));
  }
  return networks;
}

bool Networks::contains(const std::string& ip) const {
  const std::string bytes = address_bytes(ip);
  if (bytes.empty()) return false;
  return std::ranges::any_of(networks_, [&](const Network& network) {
    const size_t whole = network.bits / 8;
    const unsigned rest = network.bits % 8;
    if (bytes.compare(0, whole, network.bytes, 0, whole) != 0) return false;
    return rest == 0 ||
           (static_cast<uint8_t>(bytes[whole]) ^ static_cast<uint8_t>(network.bytes[whole])) >> (8 - rest) == 0;
  });
}

}  // namespace rookery::server
