#include "storage/postgres/stores.h"

namespace rookery::storage::postgres {

namespace {

int64_t to_sql(TimePoint time) { return time.time_since_epoch().count(); }
TimePoint from_sql(int64_t time) { return TimePoint(TimePoint::duration(time)); }

template <typename Row>
Invite read_row(const Row& row) {
  return {.id = row.text(0),
          .domain = row.text(1),
          .creator = row.text(2),
          .contact = row.text(3),
          .username = row.text(4),
          .registers = row.boolean(5),
          .uses = static_cast<uint64_t>(row.integer(6)),
          .created = from_sql(row.integer(7)),
          .expires = from_sql(row.integer(8))};
}

}  // namespace

Status Invites::create(const Invite& invite) {
  auto status = database_.run(
      "INSERT INTO invites (id, domain, creator, contact, username, registers, uses, created, expires) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING",
      invite.id, invite.domain, invite.creator, invite.contact, invite.username, invite.registers,
      static_cast<int64_t>(invite.uses), to_sql(invite.created), to_sql(invite.expires));
  if (!status) return status;
  if (database_.changes() == 0) return fail(Failure::conflict, "there is an invitation with this id");
  return {};
}

Result<Invite> Invites::find(std::string_view id) {
  auto row = database_.query(
      "SELECT id, domain, creator, contact, username, registers, uses, created, expires FROM invites WHERE id = $1",
      id);
  if (row.next()) return read_row(row);
  if (auto status = row.status(); !status) return std::unexpected(status.error());
  return fail(Failure::not_found, "there is no such invitation");
}

Status Invites::use(std::string_view id) {
  auto status = database_.run("UPDATE invites SET uses = uses - 1 WHERE id = $1 AND uses > 0", id);
  if (!status) return status;
  if (database_.changes() == 0) return fail(Failure::not_found, "the invitation is used up");
  return {};
}

Status Invites::remove(std::string_view id) {
  if (auto status = database_.run("DELETE FROM invites WHERE id = $1", id); !status) return status;
  if (database_.changes() == 0) return fail(Failure::not_found, "there is no such invitation");
  return {};
}

Result<std::vector<Invite>> Invites::list(std::string_view domain, size_t limit) {
  std::vector<Invite> found;
  auto rows = database_.query(
      "SELECT id, domain, creator, contact, username, registers, uses, created, expires FROM invites "
      "WHERE domain = $1 ORDER BY created DESC, id LIMIT $2",
      domain, sql_limit(limit));
  while (rows.next()) found.push_back(read_row(rows));
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Result<size_t> Invites::count(std::string_view creator, TimePoint now) {
  auto row = database_.query("SELECT count(*) FROM invites WHERE creator = $1 AND uses > 0 AND expires > $2", creator,
                             to_sql(now));
  const size_t found = row.next() ? static_cast<size_t>(row.integer(0)) : 0;
  if (auto status = row.status(); !status) return std::unexpected(status.error());
  return found;
}

Result<bool> Invites::is_reserved(std::string_view domain, std::string_view username, TimePoint now) {
  auto row =
      database_.query("SELECT 1 FROM invites WHERE domain = $1 AND username = $2 AND uses > 0 AND expires > $3 LIMIT 1",
                      domain, username, to_sql(now));
  const bool found = row.next();
  if (auto status = row.status(); !status) return std::unexpected(status.error());
  return found;
}

Status Invites::expire(TimePoint before) {
  return database_.run("DELETE FROM invites WHERE expires < $1", to_sql(before));
}

}  // namespace rookery::storage::postgres
