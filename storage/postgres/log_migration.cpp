#include "storage/postgres/migrations.h"

namespace rookery::storage::postgres {

constexpr std::string_view log_migration = R"sql(
CREATE TABLE log_entries (  -- what is archived
  owner text COLLATE "C" NOT NULL,
  id bigint NOT NULL,
  flags smallint NOT NULL,
  peer text COLLATE "C" NOT NULL,
  xml bytea NOT NULL,
  PRIMARY KEY (owner, id)
) PARTITION BY HASH (owner);
DO $$
BEGIN
  FOR part IN 0..15 LOOP
    EXECUTE format('CREATE TABLE log_entries_%s PARTITION OF log_entries FOR VALUES WITH (MODULUS 16, REMAINDER %s)', part, part);
    EXECUTE format('ALTER TABLE log_entries_%s SET (fillfactor = 95, autovacuum_analyze_scale_factor = 0.2)', part);
  END LOOP;
END $$;

CREATE TABLE log_transient (  -- what is kept only until it is delivered
  owner text COLLATE "C" NOT NULL,
  id bigint NOT NULL,
  flags smallint NOT NULL,
  peer text COLLATE "C" NOT NULL,
  xml bytea NOT NULL,
  PRIMARY KEY (owner, id)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000);

CREATE TABLE log_cursors (
  owner text COLLATE "C" NOT NULL,
  device text COLLATE "C" NOT NULL,
  id bigint NOT NULL,
  PRIMARY KEY (owner, device)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE log_counters (  -- XEP-0198
  owner text COLLATE "C" NOT NULL,
  session text COLLATE "C" NOT NULL,
  handled bigint NOT NULL,
  PRIMARY KEY (owner, session)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);

-- Keys of messages, one slot a week: a slot is emptied as a whole before its turn comes again, which costs nothing.
CREATE TABLE log_seen (
  slot smallint NOT NULL,
  owner text COLLATE "C" NOT NULL,
  key bytea NOT NULL,
  PRIMARY KEY (slot, owner, key)
) PARTITION BY LIST (slot);
CREATE TABLE log_seen_0 PARTITION OF log_seen FOR VALUES IN (0);
CREATE TABLE log_seen_1 PARTITION OF log_seen FOR VALUES IN (1);
CREATE TABLE log_seen_2 PARTITION OF log_seen FOR VALUES IN (2);
CREATE TABLE log_seen_slots (
  slot smallint PRIMARY KEY,
  week bigint NOT NULL  -- the slot holds nothing older than the week before the one before this
);
INSERT INTO log_seen_slots VALUES (0, 0), (1, 0), (2, 0);

CREATE FUNCTION week_of(at timestamptz) RETURNS bigint LANGUAGE sql STABLE AS
  $$ SELECT floor(extract(epoch FROM at) / 604800)::bigint $$;
CREATE FUNCTION slot_of(week bigint) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$ SELECT (week % 3)::smallint $$;

-- Empties the slot of the coming week, once: it holds keys of two weeks ago, of which the newest are a week old.
CREATE FUNCTION rotate_seen() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  coming bigint := week_of(now()) + 1;
BEGIN
  IF NOT EXISTS (SELECT FROM log_seen_slots s WHERE s.slot = slot_of(coming) AND s.week < coming) THEN RETURN; END IF;
  PERFORM FROM log_seen_slots s WHERE s.slot = slot_of(coming) AND s.week < coming FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;  -- another node was faster
  EXECUTE format('TRUNCATE log_seen_%s', slot_of(coming));
  UPDATE log_seen_slots SET week = coming WHERE slot = slot_of(coming);
END $$;

-- Each group of batches carries its writer's next number. So a group that is sent again, because the connection broke
-- before its commit was answered, is written once.
CREATE TABLE log_writers (
  writer bigint PRIMARY KEY,
  number bigint NOT NULL,
  written timestamptz NOT NULL
) WITH (fillfactor = 20);
CREATE FUNCTION take_number(of_writer bigint, wanted bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO log_writers AS w (writer, number, written) VALUES (of_writer, wanted, now())
    ON CONFLICT (writer) DO UPDATE SET number = excluded.number, written = excluded.written WHERE w.number < excluded.number;
  IF NOT FOUND THEN RAISE EXCEPTION 'this group of batches has been written before' USING ERRCODE = 'RK002'; END IF;
END $$;

-- The newest epoch of each shard. Who writes holds a shared lock on its shards' rows until it has committed, who takes a
-- shard changes the row: so nothing is committed with an older epoch after a newer one is known.
CREATE TABLE shard_epochs (
  shard bigint PRIMARY KEY,
  epoch bigint NOT NULL
) WITH (fillfactor = 50);
CREATE FUNCTION check_epochs(shards bigint[], epochs bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  old record;
BEGIN
  -- An epoch that the table does not know yet was given by nobody but the writer: tests, and tables that were restored.
  INSERT INTO shard_epochs AS e (shard, epoch)
    SELECT w.shard, w.epoch FROM unnest(shards, epochs) AS w(shard, epoch)
      WHERE NOT EXISTS (SELECT FROM shard_epochs k WHERE k.shard = w.shard AND k.epoch >= w.epoch) ORDER BY w.shard
    ON CONFLICT (shard) DO UPDATE SET epoch = excluded.epoch WHERE e.epoch < excluded.epoch;
  PERFORM FROM shard_epochs e WHERE e.shard = ANY (shards) ORDER BY e.shard FOR SHARE;
  SELECT w.shard, w.epoch, e.epoch AS newest INTO old
    FROM unnest(shards, epochs) AS w(shard, epoch) JOIN shard_epochs e USING (shard) WHERE w.epoch < e.epoch LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'shard % has a newer owner: its epoch is %, not %', old.shard, old.newest, old.epoch USING ERRCODE = 'RK001';
  END IF;
END $$;

CREATE TABLE cluster_nodes (
  id text COLLATE "C" PRIMARY KEY,
  incarnation bigint NOT NULL,  -- a random number of the process
  address text NOT NULL,
  version text NOT NULL,
  draining boolean NOT NULL,
  renewed timestamptz NOT NULL,
  expires timestamptz NOT NULL
) WITH (fillfactor = 20);
CREATE TABLE shard_leases (
  shard bigint PRIMARY KEY,
  epoch bigint NOT NULL,
  node text COLLATE "C"
) WITH (fillfactor = 50);
CREATE INDEX shard_leases_by_node ON shard_leases (node);
)sql";

}  // namespace rookery::storage::postgres
