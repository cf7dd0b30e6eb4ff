// What both SASL profiles of a client's stream read about an account.
#pragma once

#include <vector>

#include "crypto/result.h"
#include "crypto/scram.h"
#include "storage/stores.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/sasl_server.h"

namespace rookery::server {

class Node;

struct FoundCredentials {
  xmpp::SaslCredentials credentials;  ///< for each hash: the account's, or such as no password belongs to
  bool is_disabled = false;           ///< whoever proves the password is told so
  std::vector<crypto::Hash> lacking;  ///< hashes for which a real account has no keys
};

/// For a name that has no account, or an account without keys of this hash: of the usual kind, or one of those that
/// some accounts came with (REQUIREMENTS 11). A name stays with its kind.
crypto::ScramKeys decoy_keys(const std::vector<storage::KeyKind>& kinds, const storage::KeyKind& usual,
                             std::string_view secret, std::string_view name);

/// On the store's worker. An account that does not exist looks like any other until the proof fails.
Result<FoundCredentials> read_credentials(storage::Stores& stores, const Node& node, const xmpp::Jid& jid);

}  // namespace rookery::server
