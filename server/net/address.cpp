#include "server/net/address.h"

#include <arpa/inet.h>

#include <cstring>

namespace rookery::server {

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

}  // namespace rookery::server
