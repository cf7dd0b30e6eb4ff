// Federation: this server among others (RFC 6120, XEP-0220). Who may come and where we may go; the rest is
// RemoteServers', on each loop.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/net/address.h"
#include "server/node.h"
#include "server/rate_limit.h"
#include "server/s2s/resends.h"

namespace rookery::server::s2s {

class RemoteServers;

/// A name of RFC 6761 or 8375 that means something on this machine or network only, or an address.
bool is_local_name(std::string_view domain);
/// Is the domain one of these, or below one of them?
bool is_listed(std::string_view domain, const std::vector<std::string>& list);

class Federation {
 public:
  explicit Federation(Node& node);
  ~Federation();

  Status load();  ///< the secret of dialback, which all nodes of a cluster share
  void begin();   ///< once the loops are made, before they run
  Status open_listeners();
  void close_here();  ///< the node stops: of the calling loop

  // Any thread.
  bool federates(std::string_view our_domain) const;
  bool is_welcome(std::string_view their_domain) const;
  /// May the one domain, ours, say something to the other?
  bool reaches(std::string_view from, std::string_view to) const;
  /// REQUIREMENTS 17: not to ourselves, nor into private networks that are not named. `is_configured`: by [s2s] hosts.
  Status may_connect(const std::string& ip, uint16_t port, bool is_configured) const;
  /// May this sender of ours make us look for one more server? Each has its domains counted, by the hour.
  bool may_turn_to_another(const xmpp::Jid& from) {
    return new_servers_.take(std::string(from.bare_text()), Clock::now());
  }
  const std::string& dialback_secret() const { return secret_; }
  const xmpp::Jid& first_domain() const { return first_domain_; }
  Resends& resends() { return resends_; }

  void receive(Envelope envelope);                ///< on the loop that owns the shard of the addressee's domain
  void handled(const SenderRef& sender);          ///< a stanza of another server is durable; any loop
  void peer_is_there(const std::string& domain);  ///< it has come to us; any loop
  std::string describe();                         ///< lines for rookeryctl; from no loop

 private:
  bool is_on() const;
  void read_queues();
  RemoteServers& servers(const Loop& loop) { return *servers_[loop.index()]; }

  Node& node_;
  xmpp::Jid first_domain_;
  std::string secret_;
  Networks allowed_;
  Resends resends_;
  RateLimit new_servers_;
  std::vector<std::unique_ptr<RemoteServers>> servers_;  ///< by loop
};

}  // namespace rookery::server::s2s
