#include "server/s2s/dialer.h"

#include <algorithm>
#include <charconv>

#include "crypto/random.h"
#include "server/node.h"
#include "server/s2s/federation.h"
#include "server/s2s/remote_servers.h"
#include "xmpp/domain_names.h"

namespace rookery::server::s2s {

namespace {

constexpr auto connect_timeout = std::chrono::seconds(10);
constexpr uint16_t default_port = 5269;
constexpr size_t most_targets = 8, most_addresses = 8;
constexpr size_t most_attempts = 16;  // a name that leads nowhere must not keep us busy for long

uint64_t random_below(uint64_t n) {
  uint64_t number = 0;
  for (const char c : crypto::random_bytes(sizeof number)) number = number << 8 | static_cast<unsigned char>(c);
  return number % n;
}

bool is_absent(const std::vector<SrvRecord>& records) {
  return records.size() == 1 && (records.front().target.empty() || records.front().target == ".");
}

std::string with_port(const std::string& ip, uint16_t port) {
  return (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + std::to_string(port);
}

}  // namespace

void Dialer::next(Then then) {
  then_ = std::move(then);
  if (!std::exchange(is_planned_, true)) return plan();
  go_on();
}

void Dialer::plan() {
  const auto& hosts = servers_.node().config().s2s_hosts;
  if (const auto host = hosts.find(domain_.text()); host != hosts.end()) {
    const size_t colon = host->second.rfind(':');
    std::string ip = host->second.substr(0, colon);
    if (ip.starts_with('[')) ip = ip.substr(1, ip.size() - 2);
    std::from_chars(host->second.data() + colon + 1, host->second.data() + host->second.size(), target_.port);
    addresses_.push_back(std::move(ip));
    return go_on();
  }
  const std::string& text = domain_.text();
  if (text.starts_with('[') || text.find_first_not_of("0123456789.") == std::string::npos) {
    target_.port = default_port;
    addresses_.push_back(text.starts_with('[') ? text.substr(1, text.size() - 2) : text);
    return go_on();
  }
  const auto plan = std::make_shared<Plan>();
  ask(plan, true);
  ask(plan, false);
}

void Dialer::ask(const std::shared_ptr<Plan>& plan, bool direct) {
  const std::string name = (direct ? "_xmpps-server._tcp." : "_xmpp-server._tcp.") + xmpp::ascii_domain(domain_.text());
  servers_.resolver().srv(name, [weak = weak_from_this(), plan, direct](Result<std::vector<SrvRecord>> found) {
    if (found) (direct ? plan->direct : plan->starttls) = std::move(*found);
    if (--plan->open > 0) return;
    if (const auto self = weak.lock()) self->plan_from(*plan);
  });
}

void Dialer::plan_from(const Plan& plan) {
  // XEP-0368 §5: records of both kinds are one list; a lone "." says that this kind is not there, and rules out the
  // fallback.
  std::vector<SrvRecord> all;
  std::vector<std::pair<std::string, uint16_t>> direct;
  if (!is_absent(plan.direct)) {
    for (const auto& record : plan.direct) direct.emplace_back(record.target, record.port);
    all = plan.direct;
  }
  if (!is_absent(plan.starttls)) all.insert(all.end(), plan.starttls.begin(), plan.starttls.end());
  const bool has_answer = !plan.direct.empty() || !plan.starttls.empty();
  if (!has_answer) all.push_back({.port = default_port, .target = xmpp::ascii_domain(domain_.text())});
  if (all.empty()) return failed({Failure::unavailable, "the domain says that it has no XMPP server"});
  for (auto& record : in_order(std::move(all), random_below)) {
    const bool is_direct = std::ranges::find(direct, std::pair(record.target, record.port)) != direct.end();
    if (targets_.size() < most_targets) targets_.push_back({std::move(record.target), record.port, is_direct});
  }
  go_on();
}

void Dialer::go_on() {
  if (attempts_ == most_attempts) {
    addresses_.clear();
    targets_.clear();
  }
  if (!addresses_.empty()) {
    ++attempts_;
    const std::string ip = std::move(addresses_.front());
    addresses_.pop_front();
    return connect(ip);
  }
  if (targets_.empty()) {
    const Then then = std::exchange(then_, nullptr);
    return then(std::unexpected(error_));
  }
  target_ = std::move(targets_.front());
  targets_.pop_front();
  servers_.resolver().addresses(target_.host, [weak = weak_from_this()](Result<std::vector<std::string>> found) {
    const auto self = weak.lock();
    if (!self) return;
    if (!found) return self->failed(found.error());
    if (found->empty()) return self->failed({Failure::not_found, "no address"});
    found->resize(std::min(found->size(), most_addresses));
    self->addresses_.assign(found->begin(), found->end());
    self->go_on();
  });
}

void Dialer::failed(Error error) {
  // That one name of several is not there does not mean that there is no such domain.
  if (error.failure == Failure::not_found && !targets_.empty()) error.failure = Failure::unavailable;
  error_ = std::move(error);
  go_on();
}

void Dialer::connect(const std::string& ip) {
  const auto& hosts = servers_.node().config().s2s_hosts;
  const Status allowed = servers_.federation().may_connect(ip, target_.port, hosts.contains(domain_.text()));
  if (!allowed) return failed(allowed.error());
  connector_ =
      std::make_unique<Connector>(servers_.loop(), ip, target_.port, connect_timeout, [this, ip](Result<int> fd) {
        const auto keep = shared_from_this();
        const auto done = std::move(connector_);
        if (!fd) return failed(Error{fd.error().failure, with_port(ip, target_.port) + ": " + fd.error().message});
        const Then then = std::exchange(then_, nullptr);
        then(Connected{.fd = *fd, .direct_tls = target_.direct_tls, .address = with_port(ip, target_.port)});
      });
}

}  // namespace rookery::server::s2s
