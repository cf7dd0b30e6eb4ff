// Who is online on this node and in its network, and a word to all of them. From a loop.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/task.h"
#include "xmpp/element.h"
#include "xmpp/jid.h"

namespace rookery::server {

class Node;

/// What is asked of those of one domain who have an available session.
struct OnlineQuery {
  enum class Group : uint8_t { all = 1, active, idle };
  static constexpr size_t most_named = 1000;

  std::string domain;
  Group group = Group::all;   ///< of whom `named` are named
  size_t named = 0;           ///< most_named at most
  xmpp::Jid account;          ///< bare; not empty: this one alone, with its sessions
  bool is_described = false;  ///< with a line for each of these, those that are not available too
};

/// How much of the network has answered.
struct Answered {
  size_t asked = 1, answered = 1;  ///< nodes, this one among them
  bool is_all() const { return answered >= asked; }
  std::string note() const;  ///< a sentence for the user; empty when all have answered
};

struct OnlineUsers {
  size_t count = 0;
  size_t idle = 0;                                ///< of these: all available sessions are away (RFC 6121 §4.7.2.1)
  std::vector<xmpp::Jid> accounts;                ///< the first of the group, ordered by address
  std::vector<std::string> resources, addresses;  ///< of the query's account, one for each session
  std::vector<std::string> lines;                 ///< session_line() of these, where they are to be described
  Answered answered;

  size_t count_of(OnlineQuery::Group group) const;
};

/// At the homes of this node.
Task<OnlineUsers> online_here(Node& node, OnlineQuery query);
/// In the whole network. Nodes that do not answer within a few seconds are missing.
Task<OnlineUsers> online_users(Node& node, OnlineQuery query);

struct Announcement {
  std::string domain, text, subject;

  xmpp::ElementPtr to_headline() const;  ///< without its `to`
};
struct Announced {
  size_t sessions = 0;
  Answered answered;
};

/// XEP-0133 §4.23: to the available sessions at the homes of this node; how many these are.
Task<size_t> announce_here(Node& node, Announcement announcement);
/// To those of the whole network; counted is what came back within a few seconds.
Task<Announced> announce_to_all(Node& node, Announcement announcement);

}  // namespace rookery::server
