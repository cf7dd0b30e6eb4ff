#include "server/accounts.h"

#include <chrono>

#include "crypto/random.h"

namespace rookery::server {

Result<std::vector<crypto::ScramKeys>> derive_keys(std::string_view password, uint32_t iterations) {
  const auto prepared = xmpp::prepare_opaque_string(password);
  if (!prepared) return std::unexpected<Error>(prepared.error());
  if (prepared->empty()) return fail(Failure::invalid, "the password is empty");
  std::vector<crypto::ScramKeys> keys;
  for (const auto hash : {crypto::Hash::sha1, crypto::Hash::sha256, crypto::Hash::sha512}) {
    keys.push_back(
        crypto::derive_scram_keys(hash, *prepared, crypto::random_bytes(crypto::scram_salt_size), iterations));
  }
  return keys;
}

Status create_account(storage::Stores& stores, const xmpp::Jid& account, std::vector<crypto::ScramKeys> keys) {
  if (!account.has_local() || !account.is_bare())
    return fail(Failure::invalid, "not an account's address: " + account.text());
  const auto taken = stores.accounts().exists(account);
  if (!taken) return std::unexpected<Error>(taken.error());
  if (*taken) return fail(Failure::conflict, "the account exists already");
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  if (const Status created =
          stores.accounts().create({.jid = account, .keys = std::move(keys), .disabled = false, .created = now});
      !created) {
    return created;
  }
  if (const Status marked = stores.values().put(account, new_log_kind, "", "1"); !marked) return marked;
  return stores.values().put(account, "welcome", "due", "1");  // XEP-0133 §4.27: at its first login
}

Status change_password(storage::Stores& stores, const xmpp::Jid& account, const std::vector<crypto::ScramKeys>& keys) {
  const auto exists = stores.accounts().exists(account);
  if (!exists) return std::unexpected<Error>(exists.error());
  if (!*exists) return fail(Failure::not_found, "there is no such account");
  return stores.accounts().set_keys(account, keys);
}

Status create_account(storage::Stores& stores, const xmpp::Jid& account, std::string_view password,
                      uint32_t iterations) {
  if (!account.has_local() || !account.is_bare())
    return fail(Failure::invalid, "not an account's address: " + account.text());
  // Before the keys: a taken name costs nothing.
  const auto taken = stores.accounts().exists(account);
  if (!taken) return std::unexpected<Error>(taken.error());
  if (*taken) return fail(Failure::conflict, "the account exists already");
  auto keys = derive_keys(password, iterations);
  if (!keys) return std::unexpected<Error>(keys.error());
  return create_account(stores, account, std::move(*keys));
}

Status change_password(storage::Stores& stores, const xmpp::Jid& account, std::string_view password,
                       uint32_t iterations) {
  const auto exists = stores.accounts().exists(account);
  if (!exists) return std::unexpected<Error>(exists.error());
  if (!*exists) return fail(Failure::not_found, "there is no such account");
  const auto keys = derive_keys(password, iterations);
  if (!keys) return std::unexpected<Error>(keys.error());
  return change_password(stores, account, *keys);
}

}  // namespace rookery::server
