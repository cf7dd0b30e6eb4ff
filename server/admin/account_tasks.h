// What may be done with an account, from a loop: each waits for the store and for whoever derives keys.
#pragma once

#include <string>
#include <vector>

#include "crypto/result.h"
#include "server/task.h"
#include "xmpp/jid.h"

namespace rookery::server {

class Node;

// Failures as in server/accounts.h; Failure::full when too many passwords wait.
Task<Status> add_account(Node& node, xmpp::Jid account, std::string password);
Task<Status> replace_password(Node& node, xmpp::Jid account, std::string password);
/// Disabling ends the account's sessions.
Task<Status> disable_account(Node& node, xmpp::Jid account, bool disabled);
/// With its archive and all that it stored; its sessions end.
Task<Status> delete_account(Node& node, xmpp::Jid account);

/// Who is connected to this node.
struct OnlineUser {
  xmpp::Jid account;
  std::vector<std::string> resources, addresses;  ///< one for each session
  bool is_idle = false;  ///< every session that is available says that its user is away (RFC 6121 §4.7.2.1)
};
/// Of one domain, ordered by address; those with at least one available session.
Task<std::vector<OnlineUser>> online_users(Node& node, std::string domain);

}  // namespace rookery::server
