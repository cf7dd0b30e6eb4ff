// XEP-0114: the domains that programs beside the server serve, and who is connected for each.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/secret.h"
#include "server/cluster/wire.h"
#include "server/config.h"
#include "server/routing/envelope.h"
#include "xmpp/errors.h"

namespace rookery::server {

namespace cluster {
struct Places;
}
class ComponentRights;
class ComponentStream;
class Loop;
class Node;

/// One configured domain. Its connection lives on the loop that owns the domain, and what is not marked is for that
/// loop.
class Component {
 public:
  Component(Node& node, ComponentConfig config, crypto::Secret secret);
  ~Component();

  const std::string& domain() const { return config_.domain; }  ///< any thread
  const ComponentConfig& config() const { return config_; }     ///< any thread
  const crypto::Secret& secret() const { return secret_; }      ///< any thread
  /// To this node or another one; any thread; a moment ago.
  bool is_connected() const { return connected_.load(std::memory_order_relaxed); }
  Loop& loop() const;  ///< any thread
  ComponentRights& rights() { return *rights_; }

  /// A stanza for its domain, on the loop that owns the addressee. There is nothing like XEP-0198 here: what its
  /// connection has taken counts as delivered. Without a connection the sender gets remote-server-timeout.
  void receive(Envelope envelope);
  /// What the server itself has to say to it; from any loop. Lost when it is not connected.
  void tell(xmpp::ElementPtr stanza);

  /// Its newest connection. The one before ends with <conflict/>: a program that was started again gets in, whatever
  /// its dead connection still believes.
  void attach(std::shared_ptr<ComponentStream> stream);
  void detach(const ComponentStream& stream);
  void close(const xmpp::StreamError& error);

  // In a cluster it has one connection, to any node (component_elsewhere.cpp); all on the component's loop.
  void receive_from_node(Envelope envelope, const std::string& process);
  void on_holder(const cluster::ComponentHolder& holder);
  void on_places(const cluster::Places& places);

 private:
  void deliver(Envelope envelope);
  void announce(bool is_connected);
  bool sent_elsewhere(const Envelope& envelope);
  void set_holder(std::optional<cluster::ComponentHolder> holder);
  void update_connected() { connected_ = stream_ != nullptr || elsewhere_.has_value(); }

  Node& node_;
  const ComponentConfig config_;
  const crypto::Secret secret_;
  std::shared_ptr<ComponentStream> stream_;
  uint64_t since_ = 0;                                 ///< of stream_, as ComponentHolder has it
  std::optional<cluster::ComponentHolder> elsewhere_;  ///< the node that has its connection, when we have none
  std::atomic<bool> connected_ = false;
  const std::unique_ptr<ComponentRights> rights_;
};

class Components {
 public:
  explicit Components(Node& node) : node_(node) {}

  /// Reads the secrets; a component without one is Failure::invalid.
  Status load();
  Status open_listeners();
  Component* find(std::string_view domain) const;
  const std::vector<std::unique_ptr<Component>>& all() const { return all_; }
  /// Ends the connections of those who live on this loop, the calling one.
  void close_here(const xmpp::StreamError& error);

 private:
  Node& node_;
  std::vector<std::unique_ptr<Component>> all_;
};

}  // namespace rookery::server
