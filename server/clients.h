// Which programs have access to an account (XEP-0494), and their way in by token (FAST, XEP-0484): what a login reads
// and writes down. All of it runs on the store's worker, inside one transaction.
#pragma once

#include <optional>
#include <string>

#include "crypto/result.h"
#include "storage/stores.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/fast.h"
#include "xmpp/sasl/sasl2.h"

namespace rookery::server {

/// What the client is told, and what its session remembers.
struct LoginRecord {
  std::string client;  ///< storage::Client::id; empty when the client did not say which installation it is
  std::optional<xmpp::FastToken> token;  ///< a new one, to be handed over
};

/// A login that has proven the password. `token_wish`: the mechanism for which a token is asked; empty: none is.
Result<LoginRecord> record_password_login(storage::Stores& stores, const xmpp::Jid& account,
                                          const xmpp::UserAgent& agent, std::string_view token_wish,
                                          const xmpp::FastPolicy& policy);

struct FastRequest {
  xmpp::Jid account;
  xmpp::UserAgent agent;
  std::string mechanism, proof, binding_data;
  xmpp::Sasl2Request::Fast fast;
  std::string token_wish;
};
struct FastLogin {
  xmpp::FastVerdict verdict = xmpp::FastVerdict::refused;
  std::string answer;
  LoginRecord record;
};
/// Checks the token and, in the same transaction, counts its use, rotates or revokes it.
Result<FastLogin> fast_login(storage::Stores& stores, const FastRequest& request, const xmpp::FastPolicy& policy);

}  // namespace rookery::server
