// Which hosts and ports serve a domain: SRV records (RFC 6120 §3.2.1, RFC 2782), those for TLS from the first byte
// (XEP-0368) among those for STARTTLS. Who answers is still held to a certificate for the domain, so a forged answer
// gains nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace rookery::client {

struct ServiceTarget {
  std::string host;
  uint16_t port = 0;
  bool direct_tls = false;
  uint16_t priority = 0, weight = 0;
  bool operator==(const ServiceTarget&) const = default;
};

/// What one DNS answer says; malformed records are passed over. "." as the only target means that there is no such
/// service here: it stays in the list, with an empty host.
std::vector<ServiceTarget> parse_srv_answer(std::string_view answer, bool direct_tls);

/// RFC 2782: the lowest priority first, drawn by weight among equals. `random(n)` is between 0 and n. Both kinds are
/// mixed, as one (XEP-0368 §2). Empty hosts are left out.
std::vector<ServiceTarget> in_order(std::vector<ServiceTarget> targets,
                                    const std::function<uint32_t(uint32_t)>& random);

/// Asks the system's DNS and waits for it. Without any record: the domain itself, port 5222 (RFC 6120 §3.2.2). Empty
/// when the records say that the domain has no such service.
std::vector<ServiceTarget> find_service(const std::string& domain);

}  // namespace rookery::client
