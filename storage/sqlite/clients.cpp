#include "storage/sqlite/stores.h"

namespace rookery::storage::sqlite {

namespace {

constexpr std::string_view columns = "agent, id, software, device, first_seen, last_seen, knows_password";

xmpp::TimePoint to_time(int64_t microseconds) { return xmpp::TimePoint(std::chrono::microseconds(microseconds)); }
int64_t to_integer(xmpp::TimePoint time) { return time.time_since_epoch().count(); }

Client read_client(const Statement& row) {
  return {.agent = row.text(0),
          .id = row.text(1),
          .software = row.text(2),
          .device = row.text(3),
          .first_seen = to_time(row.integer(4)),
          .last_seen = to_time(row.integer(5)),
          .knows_password = row.integer(6) != 0,
          .tokens = {}};
}

Status load_tokens(Database& database, const xmpp::Jid& account, Client& client) {
  auto rows = database.query(
      "SELECT slot, secret, mechanism, issued, expires, count FROM fast_tokens WHERE account = ? AND agent = ?",
      account.text(), client.agent);
  while (rows.next()) {
    auto& slot = rows.view(0) == "fresh" ? client.tokens.fresh : client.tokens.current;
    slot = xmpp::FastToken{.secret = rows.text(1),
                           .mechanism = rows.text(2),
                           .issued = to_time(rows.integer(3)),
                           .expires = to_time(rows.integer(4)),
                           .count = static_cast<uint64_t>(rows.integer(5))};
  }
  return rows.status();
}

Status insert_token(Database& database, const xmpp::Jid& account, const Client& client, std::string_view slot,
                    const std::optional<xmpp::FastToken>& token) {
  if (!token) return {};
  return database.run(
      "INSERT INTO fast_tokens (account, agent, slot, secret, mechanism, issued, expires, count) VALUES (?, ?, ?, ?, "
      "?, ?, ?, ?)",
      account.text(), client.agent, slot, token->secret, token->mechanism, to_integer(token->issued),
      to_integer(token->expires), static_cast<int64_t>(token->count));
}

}  // namespace

Result<std::vector<Client>> Clients::list(const xmpp::Jid& account) {
  std::vector<Client> found;
  {
    auto rows = database_.query(
        "SELECT " + std::string(columns) + " FROM clients WHERE account = ? ORDER BY last_seen DESC, agent",
        account.text());
    while (rows.next()) found.push_back(read_client(rows));
    if (auto status = rows.status(); !status) return std::unexpected(status.error());
  }
  for (Client& client : found) {
    if (auto status = load_tokens(database_, account, client); !status) return std::unexpected(status.error());
  }
  return found;
}

Result<std::optional<Client>> Clients::find(const xmpp::Jid& account, std::string_view agent) {
  std::optional<Client> found;
  {
    auto row = database_.query("SELECT " + std::string(columns) + " FROM clients WHERE account = ? AND agent = ?",
                               account.text(), agent);
    if (row.next()) found = read_client(row);
    if (auto status = row.status(); !status) return std::unexpected(status.error());
  }
  if (!found) return found;
  if (auto status = load_tokens(database_, account, *found); !status) return std::unexpected(status.error());
  return found;
}

Status Clients::put(const xmpp::Jid& account, const Client& client) {
  return database_.savepoint([&]() -> Status {
    auto status = database_.run("DELETE FROM clients WHERE account = ? AND agent = ?", account.text(),
                                client.agent);  // and its tokens
    if (!status) return status;
    status =
        database_.run("INSERT INTO clients (account, " + std::string(columns) + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                      account.text(), client.agent, client.id, client.software, client.device,
                      to_integer(client.first_seen), to_integer(client.last_seen), client.knows_password);
    if (!status) return status;
    if (status = insert_token(database_, account, client, "current", client.tokens.current); !status) return status;
    return insert_token(database_, account, client, "fresh", client.tokens.fresh);
  });
}

Status Clients::remove(const xmpp::Jid& account, std::string_view id) {
  if (auto status = database_.run("DELETE FROM clients WHERE account = ? AND id = ?", account.text(), id); !status)
    return status;
  if (database_.changes() == 0) return fail(Failure::not_found, "no such client of " + account.text());
  return {};
}

}  // namespace rookery::storage::sqlite
