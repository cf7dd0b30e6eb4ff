#include "client/core/net/service_records.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <random>

namespace rookery::client {

namespace {

constexpr uint16_t default_port = 5222;
constexpr size_t answer_bytes = 16384;
constexpr int fixed_part = 6;  // priority, weight and port before the target's name

std::string ask(res_state resolver, const std::string& name) {
  std::string answer(answer_bytes, '\0');
  const int size = ::res_nquery(resolver, name.c_str(), ns_c_in, ns_t_srv,
                                reinterpret_cast<unsigned char*>(answer.data()), static_cast<int>(answer.size()));
  answer.resize(size > 0 ? std::min<size_t>(static_cast<size_t>(size), answer_bytes) : 0);
  return answer;
}

// RFC 2782: the running sum of weights that is first to reach a random number; those of weight 0 come first, so rarely
// win.
size_t draw(const std::vector<ServiceTarget>& equals, const std::function<uint32_t(uint32_t)>& random) {
  uint32_t sum = 0;
  for (const auto& target : equals) sum += target.weight;
  const uint32_t wanted = random(sum);
  uint32_t reached = 0;
  for (size_t i = 0; i < equals.size(); ++i) {
    reached += equals[i].weight;
    if (reached >= wanted) return i;
  }
  return equals.size() - 1;
}

}  // namespace

std::vector<ServiceTarget> parse_srv_answer(std::string_view answer, bool direct_tls) {
  std::vector<ServiceTarget> targets;
  ns_msg message;
  const auto* bytes = reinterpret_cast<const unsigned char*>(answer.data());
  if (answer.empty() || ::ns_initparse(bytes, static_cast<int>(answer.size()), &message) != 0) return targets;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record;
    if (::ns_parserr(&message, ns_s_an, i, &record) != 0) break;
    if (ns_rr_type(record) != ns_t_srv || ns_rr_rdlen(record) <= fixed_part) continue;
    const unsigned char* data = ns_rr_rdata(record);
    std::array<char, NS_MAXDNAME> host{};
    if (::ns_name_uncompress(ns_msg_base(message), ns_msg_end(message), data + fixed_part, host.data(), host.size()) <
        0)
      continue;
    ServiceTarget target{host.data(), static_cast<uint16_t>(ns_get16(data + 4)), direct_tls,
                         static_cast<uint16_t>(ns_get16(data)), static_cast<uint16_t>(ns_get16(data + 2))};
    if (target.host == ".") target.host.clear();
    if (target.port != 0 || target.host.empty()) targets.push_back(std::move(target));
  }
  return targets;
}

std::vector<ServiceTarget> in_order(std::vector<ServiceTarget> targets,
                                    const std::function<uint32_t(uint32_t)>& random) {
  std::erase_if(targets, [](const auto& target) { return target.host.empty(); });
  std::ranges::sort(targets, {}, [](const auto& target) { return std::pair(target.priority, target.weight != 0); });
  std::vector<ServiceTarget> ordered;
  while (!targets.empty()) {
    const auto end =
        std::ranges::find_if(targets, [&](const auto& target) { return target.priority != targets.front().priority; });
    std::vector<ServiceTarget> equals(targets.begin(), end);
    targets.erase(targets.begin(), end);
    while (!equals.empty()) {
      const auto chosen = equals.begin() + static_cast<std::ptrdiff_t>(draw(equals, random));
      ordered.push_back(std::move(*chosen));
      equals.erase(chosen);
    }
  }
  return ordered;
}

std::vector<ServiceTarget> find_service(const std::string& domain) {
  struct __res_state resolver{};
  if (::res_ninit(&resolver) != 0) return {{domain, default_port}};
  auto targets = parse_srv_answer(ask(&resolver, "_xmpps-client._tcp." + domain), true);
  auto starttls = parse_srv_answer(ask(&resolver, "_xmpp-client._tcp." + domain), false);
  ::res_nclose(&resolver);
  targets.insert(targets.end(), starttls.begin(), starttls.end());
  if (targets.empty()) return {{domain, default_port}};
  std::random_device entropy;
  return in_order(std::move(targets),
                  [&](uint32_t most) { return std::uniform_int_distribution<uint32_t>(0, most)(entropy); });
}

}  // namespace rookery::client
