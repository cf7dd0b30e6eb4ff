// What one loop has to do with other servers: the domains whose shards it owns, and the streams that came to it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "server/net/resolver.h"
#include "server/s2s/peer.h"

namespace rookery::server {
class Node;
}

namespace rookery::server::s2s {

class Federation;
class IncomingStream;

class RemoteServers {
 public:
  RemoteServers(Federation& federation, Node& node, Loop& loop);
  ~RemoteServers();

  Federation& federation() { return federation_; }
  Node& node() { return node_; }
  Loop& loop() { return loop_; }
  Resolver& resolver() { return resolver_; }

  void receive(Envelope envelope);     ///< for a domain whose shard is this loop's
  void load(const xmpp::Jid& domain);  ///< something may wait for it
  void wake(const std::string& domain);
  void close();  ///< the node stops

  void add(IncomingStream& stream, uint64_t serial) { incoming_.emplace(serial, &stream); }
  void remove(uint64_t serial) { incoming_.erase(serial); }
  void handled(const SenderRef& sender);  ///< of a stream of this loop
  uint64_t next_serial() { return ++last_serial_; }

  std::string describe();

 private:
  Peer& peer(const xmpp::Jid& domain);
  void sweep();

  Federation& federation_;
  Node& node_;
  Loop& loop_;
  Resolver resolver_;
  std::unordered_map<std::string, std::unique_ptr<Peer>> peers_;  ///< by domain
  std::map<uint64_t, IncomingStream*> incoming_;
  uint64_t last_serial_ = 0;
};

}  // namespace rookery::server::s2s
