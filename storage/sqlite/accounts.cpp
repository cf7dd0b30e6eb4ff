#include "storage/sqlite/stores.h"

namespace rookery::storage::sqlite {

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
        "INSERT INTO account_keys (jid, hash, iterations, salt, stored_key, server_key) VALUES (?, ?, ?, ?, ?, ?)",
        jid.text(), name_of(key.hash), key.iterations, Blob{key.salt}, Blob{key.stored_key}, Blob{key.server_key});
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
    auto status =
        database_.run("INSERT INTO accounts (jid, domain, disabled, created) VALUES (?, ?, ?, ?)", account.jid.text(),
                      account.jid.domain(), account.disabled, account.created.time_since_epoch().count());
    if (!status) return status;
    return insert_keys(database_, account.jid, account.keys);
  });
}

Result<Account> Accounts::find(const xmpp::Jid& jid) {
  Account account{.jid = jid};
  {
    auto row = database_.query("SELECT disabled, created FROM accounts WHERE jid = ?", jid.text());
    if (!row.next()) {
      if (auto status = row.status(); !status) return std::unexpected(status.error());
      return no_account(jid);
    }
    account.disabled = row.integer(0) != 0;
    account.created = TimePoint(std::chrono::microseconds(row.integer(1)));
  }
  auto rows = database_.query(
      "SELECT hash, iterations, salt, stored_key, server_key FROM account_keys WHERE jid = ? ORDER BY hash",
      jid.text());
  while (rows.next()) {
    account.keys.push_back({.hash = hash_named(rows.view(0)),
                            .salt = rows.text(2),
                            .iterations = static_cast<uint32_t>(rows.integer(1)),
                            .stored_key = rows.text(3),
                            .server_key = rows.text(4)});
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return account;
}

Result<bool> Accounts::exists(const xmpp::Jid& jid) {
  auto row = database_.query("SELECT 1 FROM accounts WHERE jid = ?", jid.text());
  const bool found = row.next();
  if (auto status = row.status(); !status) return std::unexpected(status.error());
  return found;
}

Status Accounts::set_keys(const xmpp::Jid& jid, const std::vector<crypto::ScramKeys>& keys) {
  return database_.savepoint([&]() -> Status {
    auto known = exists(jid);
    if (!known) return std::unexpected(known.error());
    if (!*known) return no_account(jid);
    if (auto status = database_.run("DELETE FROM account_keys WHERE jid = ?", jid.text()); !status) return status;
    // REQUIREMENTS 13: who had the old password keeps nothing.
    if (auto status = database_.run("DELETE FROM fast_tokens WHERE account = ?", jid.text()); !status) return status;
    if (auto status = database_.run("UPDATE clients SET knows_password = 0 WHERE account = ?", jid.text()); !status)
      return status;
    return insert_keys(database_, jid, keys);
  });
}

Status Accounts::add_keys(const xmpp::Jid& jid, const crypto::ScramKeys& keys) {
  auto known = exists(jid);
  if (!known) return std::unexpected(known.error());
  if (!*known) return no_account(jid);
  return insert_keys(database_, jid, {keys});
}

Result<std::vector<KeyKind>> Accounts::key_kinds() {
  std::vector<KeyKind> found;
  auto rows = database_.query("SELECT DISTINCT hash, iterations, length(salt) FROM account_keys ORDER BY 1, 2, 3");
  while (rows.next()) {
    found.push_back({.hash = hash_named(rows.view(0)),
                     .iterations = static_cast<uint32_t>(rows.integer(1)),
                     .salt_bytes = static_cast<size_t>(rows.integer(2))});
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Status Accounts::set_disabled(const xmpp::Jid& jid, bool disabled) {
  if (auto status = database_.run("UPDATE accounts SET disabled = ? WHERE jid = ?", disabled, jid.text()); !status)
    return status;
  if (database_.changes() == 0) return no_account(jid);
  if (!disabled) return {};
  return database_.run("DELETE FROM fast_tokens WHERE account = ?", jid.text());
}

Status Accounts::remove(const xmpp::Jid& jid) {
  return database_.savepoint([&]() -> Status {
    if (auto status = database_.run("DELETE FROM accounts WHERE jid = ?", jid.text()); !status) return status;
    if (database_.changes() == 0) return no_account(jid);
    for (const std::string_view sql :
         {"DELETE FROM rosters WHERE owner = ?", "DELETE FROM roster_items WHERE owner = ?",
          "DELETE FROM account_values WHERE owner = ?", "DELETE FROM pubsub_nodes WHERE owner = ?",
          // Expired: the sweep deletes the content too.
          "UPDATE uploads SET expires = 0 WHERE account = ?",
          // Not for whoever gets the name next. Bans stay: else a new account would end them.
          "DELETE FROM room_affiliations WHERE jid = ? AND affiliation <> 'outcast'",
          "DELETE FROM pubsub_affiliations WHERE jid = ? AND affiliation <> 'outcast'",
          "DELETE FROM pubsub_subscriptions WHERE jid = ?", "DELETE FROM invites WHERE creator = ?",
          "DELETE FROM invites WHERE contact = ?"}) {
      if (auto status = database_.run(sql, jid.text()); !status) return status;
    }
    // '0' is the character after '/': between the two lie all resources.
    const std::string first = jid.text() + "/", last = jid.text() + "0";
    return database_.run("DELETE FROM pubsub_subscriptions WHERE jid > ? AND jid < ?", first, last);
  });
}

Result<std::vector<xmpp::Jid>> Accounts::list(std::string_view domain, std::string_view after, size_t limit) {
  return addresses_of(database_.query("SELECT jid FROM accounts WHERE domain = ? AND jid > ? ORDER BY jid LIMIT ?",
                                      domain, after, sql_limit(limit)));
}

Result<std::vector<xmpp::Jid>> Accounts::disabled(std::string_view domain, std::string_view after, size_t limit) {
  return addresses_of(
      database_.query("SELECT jid FROM accounts WHERE disabled = 1 AND domain = ? AND jid > ? ORDER BY jid LIMIT ?",
                      domain, after, sql_limit(limit)));
}

Result<size_t> Accounts::count(std::string_view domain) {
  auto row = database_.query("SELECT count(*) FROM accounts WHERE domain = ?", domain);
  const size_t found = row.next() ? static_cast<size_t>(row.integer(0)) : 0;
  if (auto status = row.status(); !status) return std::unexpected(status.error());
  return found;
}

}  // namespace rookery::storage::sqlite
