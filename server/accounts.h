// Accounts with SCRAM keys: what registration, rookeryctl and tests share. Deriving keys is costly: not on an event
// loop.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "crypto/result.h"
#include "crypto/scram.h"
#include "storage/stores.h"
#include "xmpp/jid.h"

namespace rookery::server {

/// The value of a new account whose log has not been looked at yet: who had its name before may have left something
/// there (its deletion was cut off), and its home deletes that before anything else.
inline constexpr std::string_view new_log_kind = "new-log";

/// Keys for each SCRAM mechanism. Failure::invalid for a password that OpaqueString (RFC 8265 §4.2) refuses or that is
/// empty.
Result<std::vector<crypto::ScramKeys>> derive_keys(std::string_view password, uint32_t iterations);

/// The same as below with keys that were derived before, as it should be on the store's thread.
Status create_account(storage::Stores& stores, const xmpp::Jid& account, std::vector<crypto::ScramKeys> keys);
Status change_password(storage::Stores& stores, const xmpp::Jid& account, const std::vector<crypto::ScramKeys>& keys);

/// `account` is a bare JID with a localpart. Failure::invalid for a password that OpaqueString (RFC 8265 §4.2) refuses
/// or that is empty, Failure::conflict when the JID is taken. Runs inside the caller's transaction.
Status create_account(storage::Stores& stores, const xmpp::Jid& account, std::string_view password,
                      uint32_t iterations);

/// Failure::not_found when there is no such account.
Status change_password(storage::Stores& stores, const xmpp::Jid& account, std::string_view password,
                       uint32_t iterations);

}  // namespace rookery::server
