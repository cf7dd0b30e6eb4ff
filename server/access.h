// Whom an account answers. REQUIREMENTS 16: to everyone else it looks as if there were no such account.
#pragma once

#include "server/feature.h"
#include "server/home/home.h"

namespace rookery::server {

/// Answers service-unavailable, as for an account that does not exist, unless the account itself asks.
inline bool refused_to_others(IqRequest& request) {
  if (request.is_own_account() && request.home() != nullptr) return false;
  request.fail(xmpp::Condition::service_unavailable);
  return true;
}

/// The same, but those who may see the account's presence are answered too.
inline bool refused_to_strangers(IqRequest& request) {
  Home* home = request.home();
  if (home != nullptr && (request.is_own_account() || home->may_see_presence(request.from()))) return false;
  request.fail(xmpp::Condition::service_unavailable);
  return true;
}

}  // namespace rookery::server
