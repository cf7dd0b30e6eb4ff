#include "storage/transfer/tables.h"

#include <algorithm>
#include <array>

namespace rookery::storage::transfer {

namespace {

constexpr size_t chunk_rows = 1000;

constexpr std::array all = {
    Table{"accounts", "ttii", "SELECT jid, domain, disabled, created FROM accounts ORDER BY jid",
          "INSERT INTO accounts (jid, domain, disabled, created) SELECT a, b, c <> 0, d"
          " FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS r(a, b, c, d)",
          "SELECT jid, domain, disabled::int, created FROM accounts ORDER BY jid"},
    Table{"account_keys", "ttibbb",
          "SELECT jid, hash, iterations, salt, stored_key, server_key FROM account_keys ORDER BY jid, hash",
          "INSERT INTO account_keys (jid, hash, iterations, salt, stored_key, server_key) SELECT *"
          " FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[])",
          "SELECT jid, hash, iterations, salt, stored_key, server_key FROM account_keys ORDER BY jid, hash"},
    Table{"clients", "tttttiii",
          "SELECT account, agent, id, software, device, first_seen, last_seen, knows_password FROM clients ORDER BY "
          "account, agent",
          "INSERT INTO clients (account, agent, id, software, device, first_seen, last_seen, knows_password)"
          " SELECT a, b, c, d, e, f, g, h <> 0 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],"
          " $6::bigint[], $7::bigint[], $8::bigint[]) AS r(a, b, c, d, e, f, g, h)",
          "SELECT account, agent, id, software, device, first_seen, last_seen, knows_password::int FROM clients"
          " ORDER BY account, agent"},
    Table{"fast_tokens", "tttttiii",
          "SELECT account, agent, slot, secret, mechanism, issued, expires, count FROM fast_tokens ORDER BY account, "
          "agent, slot",
          "INSERT INTO fast_tokens (account, agent, slot, secret, mechanism, issued, expires, count) SELECT *"
          " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], "
          "$8::bigint[])",
          "SELECT account, agent, slot, secret, mechanism, issued, expires, count FROM fast_tokens"
          " ORDER BY account, agent, slot COLLATE \"C\""},
    Table{"rosters", "ti", "SELECT owner, version FROM rosters ORDER BY owner",
          "INSERT INTO rosters (owner, version) SELECT * FROM unnest($1::text[], $2::bigint[])",
          "SELECT owner, version FROM rosters ORDER BY owner"},
    Table{"roster_items", "ttttiiit",
          "SELECT owner, jid, name, subscription, ask, approved, in_roster, request FROM roster_items ORDER BY owner, "
          "jid",
          "INSERT INTO roster_items (owner, jid, name, subscription, ask, approved, in_roster, request, groups)"
          " SELECT a, b, c, d, e <> 0, f <> 0, g <> 0, h, '{}' FROM unnest($1::text[], $2::text[], $3::text[], "
          "$4::text[],"
          " $5::bigint[], $6::bigint[], $7::bigint[], $8::text[]) AS r(a, b, c, d, e, f, g, h)",
          "SELECT owner, jid, name, subscription, ask::int, approved::int, in_roster::int, request FROM roster_items"
          " ORDER BY owner, jid"},
    // Rows of their own there, an array here. Chunks come in order, so appending keeps it.
    Table{"roster_groups", "ttit", "SELECT owner, jid, position, name FROM roster_groups ORDER BY owner, jid, position",
          "UPDATE roster_items i SET groups = i.groups || n.names FROM (SELECT a, b, array_agg(d ORDER BY c) AS names"
          " FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS r(a, b, c, d) GROUP BY a, b) AS n"
          " WHERE i.owner = n.a AND i.jid = n.b",
          "SELECT i.owner, i.jid, g.place - 1, g.name FROM roster_items i, unnest(i.groups) WITH ORDINALITY AS g(name, "
          "place)"
          " ORDER BY i.owner, i.jid, g.place"},
    Table{"account_values", "tttt", "SELECT owner, kind, key, value FROM account_values ORDER BY owner, kind, key",
          "INSERT INTO account_values (owner, kind, key, value) SELECT * FROM unnest($1::text[], $2::text[], "
          "$3::text[], $4::text[])",
          "SELECT owner, kind, key, value FROM account_values ORDER BY owner, kind, key"},
    Table{"pubsub_nodes", "tttti", "SELECT owner, name, config, creator, bytes FROM pubsub_nodes ORDER BY owner, name",
          "INSERT INTO pubsub_nodes (owner, name, config, creator, bytes)"
          " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])",
          "SELECT owner, name, config, creator, bytes FROM pubsub_nodes ORDER BY owner, name"},
    // Places are given anew, in the same order: that is all they mean.
    Table{"pubsub_items", "tttttii",
          "SELECT owner, node, id, publisher, payload, published, row_number() OVER (PARTITION BY owner, node ORDER BY "
          "place)"
          " FROM pubsub_items ORDER BY place",
          "INSERT INTO pubsub_items (owner, node, id, publisher, payload, published) SELECT a, b, c, d, e, f FROM "
          "unnest($1::text[],"
          " $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[]) WITH ORDINALITY"
          " AS r(a, b, c, d, e, f, g, place) ORDER BY place",
          "SELECT owner, node, id, publisher, payload, published, row_number() OVER (PARTITION BY owner, node ORDER BY "
          "place)"
          " FROM pubsub_items ORDER BY place"},
    Table{"pubsub_affiliations", "tttt",
          "SELECT owner, node, jid, affiliation FROM pubsub_affiliations ORDER BY owner, node, jid",
          "INSERT INTO pubsub_affiliations (owner, node, jid, affiliation)"
          " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])",
          "SELECT owner, node, jid, affiliation FROM pubsub_affiliations ORDER BY owner, node, jid"},
    Table{"pubsub_subscriptions", "tttttt",
          "SELECT owner, node, jid, subid, state, options FROM pubsub_subscriptions ORDER BY owner, node, jid, subid",
          "INSERT INTO pubsub_subscriptions (owner, node, jid, subid, state, options)"
          " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])",
          "SELECT owner, node, jid, subid, state, options FROM pubsub_subscriptions ORDER BY owner, node, jid, subid"},
    Table{"rooms", "ttittttti",
          "SELECT jid, domain, public, name, config, subject, secret, creator, created FROM rooms ORDER BY jid",
          "INSERT INTO rooms (jid, domain, public, name, config, subject, secret, creator, created)"
          " SELECT a, b, c <> 0, d, e, f, g, h, i FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], "
          "$5::text[],"
          " $6::text[], $7::text[], $8::text[], $9::bigint[]) AS r(a, b, c, d, e, f, g, h, i)",
          "SELECT jid, domain, public::int, name, config, subject, secret, creator, created FROM rooms ORDER BY jid"},
    Table{"uploads", "ttttiii",
          "SELECT id, account, name, type, size_bytes, expires, complete FROM uploads ORDER BY id",
          "INSERT INTO uploads (id, account, name, type, size_bytes, expires, complete) SELECT a, b, c, d, e, f, g <> 0"
          " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])"
          " AS r(a, b, c, d, e, f, g)",
          "SELECT id, account, name, type, size_bytes, expires, complete::int FROM uploads ORDER BY id"},
    Table{
        "reports", "titttt", "SELECT id, time, reporter, reported, reason, xml FROM reports ORDER BY id",
        "INSERT INTO reports (id, time, reporter, reported, reason, xml) SELECT * FROM unnest($1::text[], $2::bigint[],"
        " $3::text[], $4::text[], $5::text[], $6::text[])",
        "SELECT id, time, reporter, reported, reason, xml FROM reports ORDER BY id"},
    Table{"push_targets", "ttttt",
          "SELECT account, service, node, options, device FROM push_targets ORDER BY account, service, node",
          "INSERT INTO push_targets (account, service, node, options, device)"
          " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])",
          "SELECT account, service, node, options, device FROM push_targets ORDER BY account, service, node"},
    Table{
        "invites", "tttttiiii",
        "SELECT id, domain, creator, contact, username, registers, uses, created, expires FROM invites ORDER BY id",
        "INSERT INTO invites (id, domain, creator, contact, username, registers, uses, created, expires)"
        " SELECT a, b, c, d, e, f <> 0, g, h, i FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],"
        " $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[]) AS r(a, b, c, d, e, f, g, h, i)",
        "SELECT id, domain, creator, contact, username, registers::int, uses, created, expires FROM invites ORDER BY "
        "id"},
    Table{"room_affiliations", "ttttt",
          "SELECT room, jid, affiliation, nick, reason FROM room_affiliations ORDER BY room, jid",
          "INSERT INTO room_affiliations (room, jid, affiliation, nick, reason)"
          " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])",
          "SELECT room, jid, affiliation, nick, reason FROM room_affiliations ORDER BY room, jid"},
};

/// The columns of some rows, as arrays.
class Chunk {
 public:
  explicit Chunk(std::string_view types) {
    for (const char type : types) {
      columns_.push_back(type == 't'   ? postgres::Array::of_text()
                         : type == 'b' ? postgres::Array::of_bytes()
                                       : postgres::Array::of_integers());
    }
  }
  void add(const sqlite::Statement& row, std::string_view types) {
    for (size_t i = 0; i < types.size(); ++i) {
      const int column = static_cast<int>(i);
      if (types[i] == 'i') {
        columns_[i].add(row.integer(column));
      } else {
        columns_[i].add(row.view(column));
      }
    }
  }
  size_t rows() const { return columns_.front().size(); }
  Status write(std::string_view sql, postgres::Database& to) {
    if (rows() == 0) return {};
    Status status = to.run(sql, columns_);
    for (auto& column : columns_) column.clear();
    return status;
  }

 private:
  std::vector<postgres::Array> columns_;
};

template <typename Row>
void add_row(Checksum& sum, const Row& row, std::string_view types) {
  for (size_t i = 0; i < types.size(); ++i) {
    const int column = static_cast<int>(i);
    if (types[i] == 'i') {
      sum.add(row.integer(column));
    } else {
      sum.add(row.view(column));
    }
  }
  sum.end_row();
}

}  // namespace

std::span<const Table> tables() { return all; }

Status check_complete(sqlite::Database& from) {
  auto rows =
      from.query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name");
  while (rows.next()) {
    if (std::ranges::find(all, rows.view(0), &Table::name) != all.end()) continue;
    return fail(Failure::invalid,
                "the table " + rows.text(0) + " is not known to this command: its data would be left behind");
  }
  return rows.status();
}

Status copy(const Table& table, sqlite::Database& from, postgres::Database& to) {
  Chunk chunk(table.types);
  auto rows = from.query(table.read);
  while (rows.next()) {
    chunk.add(rows, table.types);
    if (chunk.rows() < chunk_rows) continue;
    if (auto status = chunk.write(table.write, to); !status) return status;
  }
  if (auto status = rows.status(); !status) return status;
  return chunk.write(table.write, to);
}

Result<Checksum> read(const Table& table, sqlite::Database& from) {
  Checksum sum;
  auto rows = from.query(table.read);
  while (rows.next()) add_row(sum, rows, table.types);
  if (auto status = rows.status(); !status) return std::unexpected(status.error());
  return sum;
}

Result<Checksum> read_back(std::string_view types, std::string_view sql, postgres::Database& from) {
  Checksum sum;
  // In parts: a table need not fit into memory. Names differ, for a prepared FETCH is bound to its columns.
  const std::string part = "part_" + std::to_string(std::hash<std::string_view>{}(sql)),
                    fetch = "FETCH 1000 FROM " + part;
  if (auto status = from.run("DECLARE " + part + " NO SCROLL CURSOR FOR " + std::string(sql)); !status)
    return std::unexpected(status.error());
  for (bool more = true; more;) {
    more = false;
    auto rows = from.query(fetch);
    for (; rows.next(); more = true) add_row(sum, rows, types);
    if (auto status = rows.status(); !status) return std::unexpected(status.error());
  }
  if (auto status = from.run("CLOSE " + part); !status) return std::unexpected(status.error());
  return sum;
}

}  // namespace rookery::storage::transfer
