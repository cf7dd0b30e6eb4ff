#include "storage/sqlite/stores.h"

namespace rookery::storage::sqlite {

namespace {
int64_t to_sql(TimePoint time) { return time.time_since_epoch().count(); }
}  // namespace

Status Uploads::begin(const Upload& upload, uint64_t quota_bytes) {
  return database_.savepoint([&]() -> Status {
    const auto used = used_bytes(upload.account);
    if (!used) return std::unexpected(used.error());
    if (upload.size_bytes > quota_bytes || *used > quota_bytes - upload.size_bytes) {
      return fail(Failure::full, upload.account.text() + " has used its space for uploads");
    }
    if (auto status = database_.run(
            "INSERT INTO uploads (id, account, name, type, size_bytes, expires, complete) VALUES (?, ?, ?, ?, ?, ?, 0) "
            "ON CONFLICT (id) DO NOTHING",
            upload.id, upload.account.text(), upload.name, upload.type, static_cast<int64_t>(upload.size_bytes),
            to_sql(upload.expires));
        !status) {
      return status;
    }
    if (database_.changes() == 0) return fail(Failure::conflict, "there is an upload with this id");
    return {};
  });
}

Status Uploads::complete(std::string_view id, TimePoint expires) {
  if (auto status = database_.run("UPDATE uploads SET complete = 1, expires = ? WHERE id = ?", to_sql(expires), id);
      !status)
    return status;
  if (database_.changes() == 0) return fail(Failure::not_found, "no such upload");
  return {};
}

Result<Upload> Uploads::find(std::string_view id) {
  auto row = database_.query("SELECT account, name, type, size_bytes, expires, complete FROM uploads WHERE id = ?", id);
  if (!row.next()) {
    if (auto status = row.status(); !status) return std::unexpected(status.error());
    return fail(Failure::not_found, "no such upload");
  }
  auto account = xmpp::Jid::parse(row.view(0));
  if (!account) return fail(Failure::io, "the uploads table has a malformed JID: " + account.error().message);
  return Upload{.id = std::string(id),
                .account = std::move(*account),
                .name = row.text(1),
                .type = row.text(2),
                .size_bytes = static_cast<uint64_t>(row.integer(3)),
                .expires = TimePoint(TimePoint::duration(row.integer(4))),
                .complete = row.integer(5) != 0};
}

Result<uint64_t> Uploads::used_bytes(const xmpp::Jid& account) {
  auto row = database_.query("SELECT coalesce(sum(size_bytes), 0) FROM uploads WHERE account = ?", account.text());
  const uint64_t used = row.next() ? static_cast<uint64_t>(row.integer(0)) : 0;
  if (auto status = row.status(); !status) return std::unexpected(status.error());
  return used;
}

Status Uploads::remove(std::string_view id) { return database_.run("DELETE FROM uploads WHERE id = ?", id); }

Status Uploads::expire(std::string_view id) { return database_.run("UPDATE uploads SET expires = 0 WHERE id = ?", id); }

Result<std::vector<std::string>> Uploads::expired(TimePoint now, size_t limit) {
  std::vector<std::string> found;
  auto rows = database_.query("SELECT id FROM uploads WHERE expires <= ? ORDER BY expires LIMIT ?", to_sql(now),
                              sql_limit(limit));
  while (rows.next()) found.push_back(rows.text(0));
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

}  // namespace rookery::storage::sqlite
