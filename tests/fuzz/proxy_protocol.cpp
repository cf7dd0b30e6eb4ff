// The header of PROXY protocol 2 (server/net/proxy_protocol.h), as a load balancer's connection begins.
#include "server/net/proxy_protocol.h"

#include <cstdint>
#include <string>
#include <string_view>

using namespace rookery::server;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = parse_proxy_header(bytes);
  if (size >= proxy_head_bytes) {
    const auto wanted = proxy_header_size(bytes.substr(0, proxy_head_bytes));
    // What is accepted has the length that its first bytes announce, and no header is a part of a longer one.
    if (whole && (!wanted || *wanted != size)) __builtin_trap();
    if (wanted && *wanted < size && whole) __builtin_trap();
    if (wanted && *wanted < size) (void)parse_proxy_header(bytes.substr(0, *wanted));
  } else if (whole) {
    __builtin_trap();
  }
  if (!whole || whole->client_ip.empty()) return 0;
  // An accepted client has an address that networks can be asked about.
  const auto network = Networks::parse({whole->client_ip});
  if (!network || !network->contains(whole->client_ip)) __builtin_trap();
  return 0;
}
