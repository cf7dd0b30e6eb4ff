// The ways to another server, one after another: [s2s] hosts, or SRV records (RFC 2782, XEP-0368), or the domain's own
// address (RFC 6120 §3.2).
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/net/connector.h"
#include "server/net/resolver.h"
#include "xmpp/jid.h"

namespace rookery::server::s2s {

class RemoteServers;

class Dialer : public std::enable_shared_from_this<Dialer> {
 public:
  struct Connected {
    int fd = -1;
    bool direct_tls = false;
    std::string address;  ///< "ip:port"
  };
  using Then = std::function<void(Result<Connected>)>;

  Dialer(RemoteServers& servers, xmpp::Jid domain) : servers_(servers), domain_(std::move(domain)) {}

  /// Tries the next one. Failure::not_found: there is no such domain; unavailable: no way is left. `then` does not run
  /// any more once the dialer is gone.
  void next(Then then);

 private:
  struct Target {
    std::string host;
    uint16_t port = 0;
    bool direct_tls = false;
  };
  struct Plan {
    int open = 2;  ///< questions without an answer
    bool has_records = false;
    std::vector<SrvRecord> starttls, direct;
  };

  void plan();
  void plan_from(const Plan& plan);
  void ask(const std::shared_ptr<Plan>& plan, bool direct);
  void go_on();
  void connect(const std::string& ip);
  void failed(Error error);

  RemoteServers& servers_;
  const xmpp::Jid domain_;
  Then then_;
  bool is_planned_ = false;
  std::deque<Target> targets_;
  std::deque<std::string> addresses_;  ///< of target_
  Target target_;
  size_t attempts_ = 0;
  std::unique_ptr<Connector> connector_;
  Error error_{Failure::unavailable, "no way to the server"};  ///< of the last one that failed
};

}  // namespace rookery::server::s2s
