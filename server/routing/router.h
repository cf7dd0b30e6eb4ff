// From an address to its owner (docs/DESIGN: "Shards"): a local account's home, this server itself, or elsewhere.
#pragma once

#include "server/loop.h"
#include "server/routing/envelope.h"
#include "xmpp/errors.h"

namespace rookery::server {

class Homes;
class Node;
struct Service;

inline constexpr uint32_t shard_count = 1024;
uint32_t shard_of(std::string_view bare_jid);

class Router {
 public:
  explicit Router(Node& node) : node_(node) {}

  /// From a loop's thread. Takes a stanza with from and to stamped to whoever owns `envelope.to`.
  void route(Envelope envelope);
  /// What could not be taken here after all, in a later turn: to whoever owns it then. A packet of another node stays
  /// unacknowledged: its sender gives it to the next owner, who may be this loop again.
  void route_anew(Envelope envelope);
  /// The loop that owns this bare JID.
  Loop& owner(std::string_view bare_jid) const;
  bool is_local_domain(std::string_view domain) const;  ///< holds accounts of ours
  bool is_ours(std::string_view domain) const;          ///< the same, or one of our services
  /// Of the account, room or service; for another server's address that of its domain, which owns the way there
  /// (server/s2s).
  uint32_t shard_for(const xmpp::Jid& to) const { return shard_of(owner_name(to)); }
  /// Whose log has what is kept for this address: the same as text.
  std::string_view owner_name(const xmpp::Jid& to) const;
  /// What is sent to this address now travels to another node, and is not written in this loop's commit.
  bool goes_elsewhere(const xmpp::Jid& to) const;
  /// Answers the sender with a stanza error, unless the stanza is one itself or is no request.
  void bounce(const Envelope& envelope, const xmpp::StanzaError& error);
  /// Sends a stanza whose from and to attributes are set.
  void send(xmpp::ElementPtr stanza);
  /// Sends a message or presence without `to` to all of these. Those of ours are served a loop at a time, from one
  /// serialised text. `only_present`: who is away misses it; so it is with headlines and all else that is not stored
  /// (XEP-0160).
  void fan_out(xmpp::ElementPtr stanza, std::vector<xmpp::Jid> targets, bool only_present = false);
  /// Tells the sender's session that its stanza is durable.
  void confirm(const SenderRef& sender);
  /// For who takes a stanza and logs nothing for its addressee: writes what the sender's home wants written, and
  /// confirms and runs `then` when that is durable. Takes both out of the envelope.
  void accept(Envelope& envelope, Job then = {});
  /// The same, and then the sender is answered with a stanza error, as by bounce().
  void refuse(Envelope envelope, xmpp::StanzaError error);

  /// On the loop that owns the addressee: what another node has sent here.
  void deliver_here(Envelope envelope);

 private:
  /// Also true for what nobody may write any more.
  bool sent_to_another_node(Envelope& envelope);
  bool show_epoch(Envelope& envelope);
  bool is_outdated(const Envelope& envelope) const;
  void route_to_service(const Service& service, Envelope envelope);
  void route_to_server(Envelope envelope);

  Node& node_;
};

}  // namespace rookery::server
