// New accounts, with an invitation or without: what clients ask for (XEP-0077, 0445) and what the invitation's page
// offers.
#pragma once

#include <string>

#include "crypto/result.h"
#include "server/task.h"
#include "xmpp/jid.h"

namespace rookery::server {

class Node;

struct SignUp {
  xmpp::Jid account;
  std::string password;
  std::string invite;  ///< id of an invitation that was usable a moment ago, see invite_id(); empty: none
};

/// Uses the invitation up, and makes whoever it is from a contact. Failure::conflict: the name is taken or promised to
/// somebody; denied: the invitation cannot be used any more; invalid: no such password, or the invitation is for
/// another name.
Task<Status> sign_up(Node& node, SignUp wish);

}  // namespace rookery::server
