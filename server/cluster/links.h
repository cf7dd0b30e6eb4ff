// Connections whose edge and home are on different nodes, of one loop: both halves.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "server/cluster/edge_messages.h"
#include "server/cluster/port.h"
#include "server/home/attach.h"

namespace rookery::server::cluster {

class RemoteLink;
class RemoteSession;
struct Places;
struct ShardPlace;

class Links {
 public:
  Links(Node& node, Loop& loop, Port& port, std::string process);
  ~Links();

  // The edge's half: a session at a home elsewhere. `then` runs once, on this loop.
  void bind(const xmpp::Jid& account, BindRequest request, ClientLink& link, std::function<void(BindOutcome)> then);
  void resume(const xmpp::Jid& account, ResumeRequest request, ClientLink& link,
              std::function<void(ResumeOutcome)> then);

  void on_places(const Places& places);
  /// Others may have taken this node for dead, and its links for lost: asks the homes, which end those that they do not
  /// know.
  void check_all();
  /// The node stops: ends the connections of clients whose homes are elsewhere; they resume through another node.
  void close_all(const xmpp::StreamError& error);

 private:
  friend class RemoteLink;
  friend class RemoteSession;

  RemoteSession& open(const xmpp::Jid& account, ClientLink& link);
  void on_attached(const std::string& body);
  void on_output(const Incoming& incoming);
  void on_close(const std::string& body);
  void release(const std::string& jid, uint64_t number);
  bool is_over(RemoteSession& session, const ShardPlace& place) const;
  void close_session(uint64_t number, const xmpp::StreamError& error);

  // The home's half
  void on_attach(const std::string& body);
  void on_input(const std::string& body);
  void on_lost(const std::string& body);
  void answer(const LinkName& name, Attached answer);

  Node& node_;
  Loop& loop_;
  Port& port_;
  const std::string process_;
  uint64_t last_number_ = 0;
  std::unordered_map<uint64_t, std::unique_ptr<RemoteSession>> sessions_;  ///< edge: by number
  std::map<LinkName, std::shared_ptr<RemoteLink>> links_;                  ///< home
};

}  // namespace rookery::server::cluster
