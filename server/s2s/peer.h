// Another server's domain: the durable queue for it, and the links to it, one for each of our domains (docs/adr/0007).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/routing/envelope.h"
#include "server/s2s/link.h"

namespace rookery::server::s2s {

class Peer {
 public:
  /// The queue's name among the values of our first domain; its key is the other domain. So a start knows whose queues
  /// to read.
  static constexpr std::string_view mark_kind = "s2s-queue";

  /// Begins to read what waits in the log.
  Peer(RemoteServers& servers, xmpp::Jid domain);
  ~Peer();

  const xmpp::Jid& domain() const { return domain_; }
  RemoteServers& servers() { return servers_; }

  /// A stanza for the domain, or for somebody there.
  void receive(Envelope envelope);
  void wake();
  void close();
  std::string describe() const;
  /// Nothing waits and nothing was said for a while.
  bool is_idle() const;
  void unmark();              ///< before it goes because it is idle
  void route_waiting_anew();  ///< before it goes for another reason: what it has not taken yet

  // For links.
  void arrived(storage::LogId id);
  /// To its sender, as an error; it is not kept any more.
  void give_back(const Outgoing& stanza, const xmpp::StanzaError& error);

 private:
  void load(storage::LogId after);
  void take_page(const std::vector<storage::LogEntry>& entries);
  void loaded();
  void mark();
  void take(Envelope envelope);
  Link& link(const xmpp::Jid& local);

  RemoteServers& servers_;
  const xmpp::Jid domain_;
  std::map<std::string, std::unique_ptr<Link>, std::less<>> links_;  ///< by our domain
  std::vector<Envelope> waiting_;                                    ///< until it is loaded or marked
  bool is_loaded_ = false, is_marked_ = false, is_marking_ = false;
  storage::LogId last_id_ = 0;
  size_t commits_pending_ = 0;
  Clock::time_point last_used_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace rookery::server::s2s
