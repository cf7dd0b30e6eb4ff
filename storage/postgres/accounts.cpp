#include "storage/postgres/stores.h"

namespace rookery::storage::postgres {

namespace {

std::string_view name_of(crypto::Hash hash) {
  switch (hash) {
    case crypto::Hash::sha1:
      return "sha1";
    case crypto::Hash::sha256:
      return "sha256";
    case crypto::Hash::sha512:
      return "sha512";
  }
  ensure(false);
  return {};
}

crypto::Hash hash_named(std::string_view name) {
  if (name == "sha1") return crypto::Hash::sha1;
  if (name == "sha256") return crypto::Hash::sha256;
  return crypto::Hash::sha512;  // the table has a CHECK
}

Status insert_keys(Database& database, const xmpp::Jid& jid, const std::vector<crypto::ScramKeys>& keys) {
  for (const auto& key : keys) {
    auto status = database.run(
        "INSERT INTO account_keys (jid, hash, iterations, salt, stored_key, server_key) VALUES ($1, $2, $3, $4, $5, "
        "$6)",
        jid.text(), name_of(key.hash), key.iterations, key.salt, key.stored_key, key.server_key);
    if (!status) return status;
  }
  return {};
}

/// Of rows that hold an address each.
template <typename Rows>
Result<std::vector<xmpp::Jid>> addresses_of(Rows rows) {
  std::vector<xmpp::Jid> found;
  while (rows.next()) {
    auto jid = xmpp::Jid::parse(rows.view(0));
    if (!jid) return fail(Failure::io, "the accounts table has a malformed JID: " + jid.error().message);
    found.push_back(std::move(*jid));
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

std::unexpected<Error> no_account(const xmpp::Jid& jid) { return fail(Failure::not_found, "no account " + jid.text()); }

}  // namespace

Status Accounts::create(const Account& account) {
  ensure(account.jid.is_bare());
  return database_.savepoint([&]() -> Status {
    auto status = database_.run(
        "INSERT INTO accounts (jid, domain, disabled, created) VALUES ($1, $2, $3, $4) ON CONFLICT (jid) DO NOTHING",
        account.jid.text(), account.jid.domain(), account.disabled, account.created.time_since_epoch().count());
    if (!status) return status;
    if (database_.changes() == 0)
      return fail(Failure::conflict, "there is an account " + account.jid.text() + " already");
    return insert_keys(database_, account.jid, account.keys);
  });
}

Result<Account> Accounts::find(const xmpp::Jid& jid) {
  Account account{.jid = jid};
  // One statement, so that account and keys are of one moment.
  auto rows = database_.query(
      "SELECT a.disabled, a.created, k.hash, k.iterations, k.salt, k.stored_key, k.server_key FROM accounts a"
      " LEFT JOIN account_keys k ON k.jid = a.jid WHERE a.jid = $1 ORDER BY k.hash",
      jid.text());
  bool found = false;
  while (rows.next()) {
    found = true;
    account.disabled = rows.boolean(0);
    account.created = TimePoint(std::chrono::microseconds(rows.integer(1)));
    if (rows.is_null(2)) continue;
    account.keys.push_back({.hash = hash_named(rows.view(2)),
                            .salt = rows.text(4),
                            .iterations = static_cast<uint32_t>(rows.integer(3)),
                            .stored_key = rows.text(5),
                            .server_key = rows.text(6)});
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  if (!found) return no_account(jid);
  return account;
}

Result<bool> Accounts::exists(const xmpp::Jid& jid) {
  auto row = database_.query("SELECT FROM accounts WHERE jid = $1", jid.text());
  const bool found = row.next();
  if (auto status = row.status(); !status) return std::unexpected(status.error());
  return found;
}

Status Accounts::set_keys(const xmpp::Jid& jid, const std::vector<crypto::ScramKeys>& keys) {
  return database_.savepoint([&]() -> Status {
    // Locked, so that two changes of a password do not mix.
    auto known = database_.query("SELECT FROM accounts WHERE jid = $1 FOR UPDATE", jid.text());
    if (auto status = known.status(); !status) return status;
    if (!known.next()) return no_account(jid);
    // REQUIREMENTS 13: who had the old password keeps nothing.
    for (const std::string_view sql :
         {"DELETE FROM account_keys WHERE jid = $1", "DELETE FROM fast_tokens WHERE account = $1",
          "UPDATE clients SET knows_password = false WHERE account = $1"}) {
      if (auto status = database_.run(sql, jid.text()); !status) return status;
    }
    return insert_keys(database_, jid, keys);
  });
}

Status Accounts::add_keys(const xmpp::Jid& jid, const crypto::ScramKeys& keys) {
  return database_.savepoint([&]() -> Status {
    auto known = exists(jid);
    if (!known) return std::unexpected(known.error());
    if (!*known) return no_account(jid);
    return insert_keys(database_, jid, {keys});
  });
}

Result<std::vector<KeyKind>> Accounts::key_kinds() {
  std::vector<KeyKind> found;
  auto rows =
      database_.query("SELECT DISTINCT hash, iterations, octet_length(salt) FROM account_keys ORDER BY 1, 2, 3");
  while (rows.next()) {
    found.push_back({.hash = hash_named(rows.view(0)),
                     .iterations = static_cast<uint32_t>(rows.integer(1)),
                     .salt_bytes = static_cast<size_t>(rows.integer(2))});
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Status Accounts::set_disabled(const xmpp::Jid& jid, bool disabled) {
  if (auto status = database_.run("UPDATE accounts SET disabled = $1 WHERE jid = $2", disabled, jid.text()); !status)
    return status;
  if (database_.changes() == 0) return no_account(jid);
  if (!disabled) return {};
  return database_.run("DELETE FROM fast_tokens WHERE account = $1", jid.text());
}

Status Accounts::remove(const xmpp::Jid& jid) {
  return database_.savepoint([&]() -> Status {
    if (auto status = database_.run("DELETE FROM accounts WHERE jid = $1", jid.text()); !status) return status;
    if (database_.changes() == 0) return no_account(jid);
    for (const std::string_view sql :
         {"DELETE FROM rosters WHERE owner = $1", "DELETE FROM roster_items WHERE owner = $1",
          "DELETE FROM account_values WHERE owner = $1", "DELETE FROM pubsub_nodes WHERE owner = $1",
          // Expired: the sweep deletes the content too.
          "UPDATE uploads SET expires = 0 WHERE account = $1",
          // Not for whoever gets the name next. Bans stay: else a new account would end them.
          "DELETE FROM room_affiliations WHERE jid = $1 AND affiliation <> 'outcast'",
          "DELETE FROM pubsub_affiliations WHERE jid = $1 AND affiliation <> 'outcast'",
          "DELETE FROM pubsub_subscriptions WHERE jid = $1", "DELETE FROM invites WHERE creator = $1",
          "DELETE FROM invites WHERE contact = $1"}) {
      if (auto status = database_.run(sql, jid.text()); !status) return status;
    }
    // '0' is the character after '/': between the two lie all resources.
    const std::string first = jid.text() + "/", last = jid.text() + "0";
    return database_.run("DELETE FROM pubsub_subscriptions WHERE jid > $1 AND jid < $2", first, last);
  });
}

Result<std::vector<xmpp::Jid>> Accounts::list(std::string_view domain, std::string_view after, size_t limit) {
  return addresses_of(database_.query("SELECT jid FROM accounts WHERE domain = $1 AND jid > $2 ORDER BY jid LIMIT $3",
                                      domain, after, sql_limit(limit)));
}

Result<std::vector<xmpp::Jid>> Accounts::disabled(std::string_view domain, std::string_view after, size_t limit) {
  return addresses_of(
      database_.query("SELECT jid FROM accounts WHERE disabled AND domain = $1 AND jid > $2 ORDER BY jid LIMIT $3",
                      domain, after, sql_limit(limit)));
}

Result<size_t> Accounts::count(std::string_view domain) {
  auto row = database_.query("SELECT count(*) FROM accounts WHERE domain = $1", domain);
  const size_t found = row.next() ? static_cast<size_t>(row.integer(0)) : 0;
  if (auto status = row.status(); !status) return std::unexpected(status.error());
  return found;
}

}  // namespace rookery::storage::postgres
