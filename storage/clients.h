// The programs that have access to an account: one row for each installation (XEP-0388 <user-agent/>), with its tokens.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/fast.h"

namespace rookery::storage {

struct Client {
  std::string agent;             ///< a hash of the user agent's id, which clients keep secret
  std::string id;                ///< opaque; what the owner of the account sees and revokes (XEP-0494)
  std::string software, device;  ///< as the client calls itself
  xmpp::TimePoint first_seen{}, last_seen{};
  bool knows_password = false;  ///< has proven the password that is valid now
  xmpp::FastSlots tokens;
};

/// Belongs to the account: AccountStore::set_keys() and set_disabled(true) delete all tokens, remove() deletes all.
class ClientStore {
 public:
  virtual ~ClientStore() = default;
  /// Newest first, by last_seen.
  virtual Result<std::vector<Client>> list(const xmpp::Jid& account) = 0;
  /// A backend with several writers locks the row until the transaction ends: a token's count is read, judged and
  /// written.
  virtual Result<std::optional<Client>> find(const xmpp::Jid& account, std::string_view agent) = 0;
  virtual Status put(const xmpp::Jid& account,
                     const Client& client) = 0;  ///< insert, or replace the one with this agent
  virtual Status remove(const xmpp::Jid& account, std::string_view id) = 0;  ///< Failure::not_found
};

}  // namespace rookery::storage
