#include "storage/sqlite/stores.h"

namespace rookery::storage::sqlite {

Result<std::optional<std::string>> Values::get(const xmpp::Jid& owner, std::string_view kind, std::string_view key) {
  auto row = database_.query("SELECT value FROM account_values WHERE owner = ? AND kind = ? AND key = ?", owner.text(),
                             kind, key);
  std::optional<std::string> value;
  if (row.next()) value = row.text(0);
  if (auto status = row.status(); !status) return std::unexpected(status.error());
  return value;
}

Result<std::vector<std::pair<std::string, std::string>>> Values::all(const xmpp::Jid& owner, std::string_view kind) {
  std::vector<std::pair<std::string, std::string>> found;
  auto rows = database_.query("SELECT key, value FROM account_values WHERE owner = ? AND kind = ? ORDER BY key",
                              owner.text(), kind);
  while (rows.next()) found.emplace_back(rows.text(0), rows.text(1));
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Result<size_t> Values::count(const xmpp::Jid& owner, std::string_view kind) {
  auto row = database_.query("SELECT count(*) FROM account_values WHERE owner = ? AND kind = ?", owner.text(), kind);
  size_t count = 0;
  if (row.next()) count = static_cast<size_t>(row.integer(0));
  if (auto status = row.status(); !status) return std::unexpected(status.error());
  return count;
}

Status Values::put(const xmpp::Jid& owner, std::string_view kind, std::string_view key, std::string_view value) {
  return database_.run(
      "INSERT INTO account_values (owner, kind, key, value) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = "
      "excluded.value",
      owner.text(), kind, key, value);
}

Status Values::remove(const xmpp::Jid& owner, std::string_view kind, std::string_view key) {
  return database_.run("DELETE FROM account_values WHERE owner = ? AND kind = ? AND key = ?", owner.text(), kind, key);
}

}  // namespace rookery::storage::sqlite
