#include "storage/sqlite/migrations.h"

#include <array>

namespace rookery::storage::sqlite {

namespace {

// Owners of rosters, values and nodes are not bound to accounts: services and rooms own such things too.
constexpr std::string_view migration_1 = R"sql(
CREATE TABLE accounts (
  jid TEXT NOT NULL PRIMARY KEY,
  domain TEXT NOT NULL,
  disabled INTEGER NOT NULL,
  created INTEGER NOT NULL  -- microseconds since 1970
) STRICT, WITHOUT ROWID;
CREATE INDEX accounts_by_domain ON accounts (domain, jid);

CREATE TABLE account_keys (  -- RFC 5802 section 3
  jid TEXT NOT NULL REFERENCES accounts (jid) ON DELETE CASCADE,
  hash TEXT NOT NULL CHECK (hash IN ('sha1', 'sha256', 'sha512')),
  iterations INTEGER NOT NULL,
  salt BLOB NOT NULL,
  stored_key BLOB NOT NULL,
  server_key BLOB NOT NULL,
  PRIMARY KEY (jid, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE rosters (
  owner TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE roster_items (  -- RFC 6121 section 2.1
  owner TEXT NOT NULL,
  jid TEXT NOT NULL,
  name TEXT NOT NULL,
  subscription TEXT NOT NULL CHECK (subscription IN ('none', 'to', 'from', 'both')),
  ask INTEGER NOT NULL,
  approved INTEGER NOT NULL,
  in_roster INTEGER NOT NULL,
  request TEXT NOT NULL,
  PRIMARY KEY (owner, jid)
) STRICT, WITHOUT ROWID;

CREATE TABLE roster_groups (
  owner TEXT NOT NULL,
  jid TEXT NOT NULL,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (owner, jid, position),
  FOREIGN KEY (owner, jid) REFERENCES roster_items (owner, jid) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE account_values (
  owner TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner, kind, key)
) STRICT;

CREATE TABLE pubsub_nodes (
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  config TEXT NOT NULL,
  PRIMARY KEY (owner, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE pubsub_items (
  place INTEGER PRIMARY KEY,  -- grows with each publication
  owner TEXT NOT NULL,
  node TEXT NOT NULL,
  id TEXT NOT NULL,
  publisher TEXT NOT NULL,
  payload TEXT NOT NULL,
  published INTEGER NOT NULL,
  UNIQUE (owner, node, id),
  FOREIGN KEY (owner, node) REFERENCES pubsub_nodes (owner, name) ON DELETE CASCADE
) STRICT;
CREATE INDEX pubsub_items_by_place ON pubsub_items (owner, node, place);

CREATE TABLE pubsub_affiliations (
  owner TEXT NOT NULL,
  node TEXT NOT NULL,
  jid TEXT NOT NULL,
  affiliation TEXT NOT NULL,
  PRIMARY KEY (owner, node, jid),
  FOREIGN KEY (owner, node) REFERENCES pubsub_nodes (owner, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE pubsub_subscriptions (
  owner TEXT NOT NULL,
  node TEXT NOT NULL,
  jid TEXT NOT NULL,
  subid TEXT NOT NULL,
  state TEXT NOT NULL,
  options TEXT NOT NULL,
  PRIMARY KEY (owner, node, jid, subid),
  FOREIGN KEY (owner, node) REFERENCES pubsub_nodes (owner, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
)sql";

constexpr std::string_view migration_2 = R"sql(
CREATE TABLE rooms (  -- XEP-0045
  jid TEXT NOT NULL PRIMARY KEY,
  domain TEXT NOT NULL,
  public INTEGER NOT NULL,
  name TEXT NOT NULL,
  config TEXT NOT NULL,
  subject TEXT NOT NULL,
  secret TEXT NOT NULL,  -- XEP-0421 section 5
  creator TEXT NOT NULL,
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX rooms_by_domain ON rooms (domain, public, jid);
CREATE INDEX rooms_by_creator ON rooms (creator);

CREATE TABLE room_affiliations (
  room TEXT NOT NULL,
  jid TEXT NOT NULL,
  affiliation TEXT NOT NULL CHECK (affiliation IN ('owner', 'admin', 'member', 'none', 'outcast')),
  nick TEXT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (room, jid)
) STRICT, WITHOUT ROWID;
)sql";

// Clients with access to an account, and their FAST tokens (XEP-0494, XEP-0484).
constexpr std::string_view migration_3 = R"sql(
CREATE TABLE clients (
  account TEXT NOT NULL REFERENCES accounts (jid) ON DELETE CASCADE,
  agent TEXT NOT NULL,
  id TEXT NOT NULL,
  software TEXT NOT NULL,
  device TEXT NOT NULL,
  first_seen INTEGER NOT NULL,  -- microseconds since 1970, as all times here
  last_seen INTEGER NOT NULL,
  knows_password INTEGER NOT NULL,
  PRIMARY KEY (account, agent),
  UNIQUE (account, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE fast_tokens (
  account TEXT NOT NULL,
  agent TEXT NOT NULL,
  slot TEXT NOT NULL CHECK (slot IN ('current', 'fresh')),
  secret TEXT NOT NULL,
  mechanism TEXT NOT NULL,
  issued INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (account, agent, slot),
  FOREIGN KEY (account, agent) REFERENCES clients (account, agent) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
)sql";

// An entity's own affiliations and subscriptions (XEP-0060 sections 5.6 and 5.7).
constexpr std::string_view migration_4 = R"sql(
CREATE INDEX pubsub_affiliations_by_entity ON pubsub_affiliations (owner, jid);
CREATE INDEX pubsub_subscriptions_by_entity ON pubsub_subscriptions (owner, jid);
)sql";

constexpr std::string_view migration_5 = R"sql(
CREATE TABLE uploads (  -- XEP-0363; not bound to accounts: the content outlives an account until it is swept
  id TEXT NOT NULL PRIMARY KEY,
  account TEXT NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  expires INTEGER NOT NULL,  -- microseconds since 1970
  complete INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX uploads_by_account ON uploads (account);
CREATE INDEX uploads_by_expiry ON uploads (expires);
)sql";

constexpr std::string_view migration_6 = R"sql(
CREATE TABLE reports (  -- XEP-0377; not bound to accounts: what a deleted one has reported is true all the same
  id TEXT NOT NULL PRIMARY KEY,
  time INTEGER NOT NULL,  -- microseconds since 1970
  reporter TEXT NOT NULL,
  reported TEXT NOT NULL,
  reason TEXT NOT NULL,
  xml TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reports_by_time ON reports (time);
CREATE INDEX reports_by_reporter ON reports (reporter, time);
)sql";

constexpr std::string_view migration_7 = R"sql(
CREATE TABLE push_targets (  -- XEP-0357
  account TEXT NOT NULL REFERENCES accounts (jid) ON DELETE CASCADE,
  service TEXT NOT NULL,
  node TEXT NOT NULL,
  options TEXT NOT NULL,
  device TEXT NOT NULL,
  PRIMARY KEY (account, service, node)
) STRICT, WITHOUT ROWID;
)sql";

constexpr std::string_view migration_8 = R"sql(
CREATE TABLE invites (  -- XEP-0401; of a token, only what was made from it
  id TEXT NOT NULL PRIMARY KEY,
  domain TEXT NOT NULL,
  creator TEXT NOT NULL,
  contact TEXT NOT NULL,
  username TEXT NOT NULL,
  registers INTEGER NOT NULL,
  uses INTEGER NOT NULL,
  created INTEGER NOT NULL,  -- microseconds since 1970
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX invites_by_domain ON invites (domain, username);
CREATE INDEX invites_by_creator ON invites (creator);
)sql";

// Who answers for a node of a service, and how much each node holds.
constexpr std::string_view migration_9 = R"sql(
ALTER TABLE pubsub_nodes ADD COLUMN creator TEXT NOT NULL DEFAULT '';  -- empty at accounts
ALTER TABLE pubsub_nodes ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;  -- of its items' ids, publishers and payloads
UPDATE pubsub_nodes SET
  bytes = (SELECT coalesce(sum(length(CAST(i.id AS BLOB)) + length(CAST(i.publisher AS BLOB)) +
    length(CAST(i.payload AS BLOB))), 0) FROM pubsub_items i WHERE i.owner = pubsub_nodes.owner AND i.node = name),
  creator = coalesce((SELECT min(a.jid) FROM pubsub_affiliations a WHERE a.owner = pubsub_nodes.owner AND a.node = name
    AND a.affiliation = 'owner' GROUP BY a.node HAVING count(*) = 1), '');
CREATE INDEX pubsub_nodes_by_creator ON pubsub_nodes (owner, creator, bytes);
)sql";

constexpr std::array migrations = {Migration{1, migration_1}, Migration{2, migration_2}, Migration{3, migration_3},
                                   Migration{4, migration_4}, Migration{5, migration_5}, Migration{6, migration_6},
                                   Migration{7, migration_7}, Migration{8, migration_8}, Migration{9, migration_9}};

}  // namespace

std::span<const Migration> server_migrations() { return migrations; }

}  // namespace rookery::storage::sqlite
