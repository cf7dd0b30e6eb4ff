// What may be done with an account, from a loop: each waits for the store and for whoever derives keys.
#pragma once

#include <string>

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
/// With its archive and all that it stored; its sessions end, and whoever gets the name next is nobody's contact
/// (XEP-0077 §3.2) and no room's member. The one way to delete an account. When it returns, the owner's loop has not
/// yet ended the sessions. Failure::not_found.
Task<Status> delete_account(Node& node, xmpp::Jid account);

}  // namespace rookery::server
