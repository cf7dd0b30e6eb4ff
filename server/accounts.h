// Accounts with SCRAM keys: what registration, rookeryctl and tests share. Deriving keys is costly: not on an event loop.
#pragma once

#include <cstdint>
#include <string_view>

#include "crypto/result.h"
#include "storage/stores.h"
#include "xmpp/jid.h"

namespace rookery::server {

/// `account` is a bare JID with a localpart. Failure::invalid for a password that OpaqueString (RFC 8265 §4.2) refuses or
/// that is empty, Failure::conflict when the JID is taken. Runs inside the caller's transaction.
Status create_account(storage::Stores& stores, const xmpp::Jid& account, std::string_view password, uint32_t iterations);

/// Failure::not_found when there is no such account.
Status change_password(storage::Stores& stores, const xmpp::Jid& account, std::string_view password, uint32_t iterations);

}  // namespace rookery::server
