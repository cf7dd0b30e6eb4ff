#include <algorithm>

#include "storage/postgres/stores.h"

namespace rookery::storage::postgres {

namespace {

Error malformed(const xmpp::Jid& room, const Error& error) {
  return {Failure::io, "the room " + room.text() + " has a malformed JID: " + error.message};
}

}  // namespace

Result<Room> Rooms::load(const xmpp::Jid& room) {
  auto row = database_.query("SELECT public, name, config, subject, secret, creator, created FROM rooms WHERE jid = $1",
                             room.text());
  if (!row.next()) {
    if (auto status = row.status(); !status) return std::unexpected(status.error());
    return fail(Failure::not_found, "there is no room " + room.text());
  }
  return Room{.jid = room,
              .is_public = row.boolean(0),
              .name = row.text(1),
              .config = row.text(2),
              .subject = row.text(3),
              .secret = row.text(4),
              .creator = row.text(5),
              .created = TimePoint(std::chrono::microseconds(row.integer(6)))};
}

Status Rooms::put(const Room& room) {
  return database_.run(
      "INSERT INTO rooms (jid, domain, public, name, config, subject, secret, creator, created) VALUES ($1, $2, $3, "
      "$4, $5, $6, $7, $8, $9)"
      " ON CONFLICT (jid) DO UPDATE SET public = excluded.public, name = excluded.name, config = excluded.config,"
      " subject = excluded.subject, secret = excluded.secret, creator = excluded.creator, created = excluded.created",
      room.jid.text(), room.jid.domain(), room.is_public, room.name, room.config, room.subject, room.secret,
      room.creator, room.created.time_since_epoch().count());
}

Status Rooms::remove(const xmpp::Jid& room) {
  return database_.savepoint([&]() -> Status {
    if (auto status = database_.run("DELETE FROM room_affiliations WHERE room = $1", room.text()); !status)
      return status;
    return database_.run("DELETE FROM rooms WHERE jid = $1", room.text());
  });
}

Result<std::vector<RoomAffiliation>> Rooms::affiliations(const xmpp::Jid& room) {
  std::vector<RoomAffiliation> found;
  auto rows = database_.query(
      "SELECT jid, affiliation, nick, reason FROM room_affiliations WHERE room = $1 ORDER BY jid", room.text());
  while (rows.next()) {
    auto jid = xmpp::Jid::parse(rows.view(0));
    if (!jid) return std::unexpected(malformed(room, jid.error()));
    found.push_back(
        {.jid = std::move(*jid), .affiliation = rows.text(1), .nick = rows.text(2), .reason = rows.text(3)});
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Result<std::vector<xmpp::Jid>> Rooms::affiliated(const xmpp::Jid& jid) {
  std::vector<xmpp::Jid> found;
  auto rows = database_.query("SELECT room FROM room_affiliations WHERE jid = $1 ORDER BY room", jid.text());
  while (rows.next()) {
    auto room = xmpp::Jid::parse(rows.view(0));
    if (!room) return fail(Failure::io, "a room has a malformed JID: " + room.error().message);
    found.push_back(std::move(*room));
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Status Rooms::set_affiliation(const xmpp::Jid& room, const RoomAffiliation& value) {
  if (value.affiliation == "none" && value.nick.empty()) {
    return database_.run("DELETE FROM room_affiliations WHERE room = $1 AND jid = $2", room.text(), value.jid.text());
  }
  return database_.run(
      "INSERT INTO room_affiliations (room, jid, affiliation, nick, reason) VALUES ($1, $2, $3, $4, $5)"
      " ON CONFLICT (room, jid) DO UPDATE SET affiliation = excluded.affiliation, nick = excluded.nick, reason = "
      "excluded.reason",
      room.text(), value.jid.text(), value.affiliation, value.nick, value.reason);
}

Result<std::vector<std::pair<xmpp::Jid, std::string>>> Rooms::list(const RoomRange& range) {
  std::vector<std::pair<xmpp::Jid, std::string>> found;
  const std::string sql =
      std::string("SELECT jid, name FROM rooms WHERE domain = $1 AND public AND jid > $2 AND ($3 = '' OR jid < $3)") +
      (range.last_page ? " ORDER BY jid DESC LIMIT $4" : " ORDER BY jid LIMIT $4");
  auto rows = database_.query(sql, range.domain, range.after, range.before, sql_limit(range.limit));
  while (rows.next()) {
    auto jid = xmpp::Jid::parse(rows.view(0));
    if (!jid) return fail(Failure::io, "a room has a malformed JID: " + jid.error().message);
    found.emplace_back(std::move(*jid), rows.text(1));
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  if (range.last_page) std::ranges::reverse(found);
  return found;
}

Result<std::vector<xmpp::Jid>> Rooms::all(std::string_view domain, std::string_view after, size_t limit) {
  std::vector<xmpp::Jid> found;
  auto rows = database_.query("SELECT jid FROM rooms WHERE domain = $1 AND jid > $2 ORDER BY jid LIMIT $3", domain,
                              after, sql_limit(limit));
  while (rows.next()) {
    auto jid = xmpp::Jid::parse(rows.view(0));
    if (!jid) return fail(Failure::io, "a room has a malformed JID: " + jid.error().message);
    found.push_back(std::move(*jid));
  }
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return found;
}

Result<size_t> Rooms::count(std::string_view domain) {
  auto row = database_.query("SELECT count(*) FROM rooms WHERE domain = $1 AND public", domain);
  if (!row.next()) return std::unexpected(row.status().error());
  return static_cast<size_t>(row.integer(0));
}

Result<size_t> Rooms::created_by(std::string_view creator) {
  auto row = database_.query("SELECT count(*) FROM rooms WHERE creator = $1", creator);
  if (!row.next()) return std::unexpected(row.status().error());
  return static_cast<size_t>(row.integer(0));
}

}  // namespace rookery::storage::postgres
