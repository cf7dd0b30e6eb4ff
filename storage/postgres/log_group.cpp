#include "storage/postgres/log_group.h"

#include <algorithm>

namespace rookery::storage::postgres {

void LogGroup::Entries::add(const LogEntry& entry) {
  owners.add(entry.owner);
  ids.add(static_cast<int64_t>(entry.id));
  flags.add(static_cast<int64_t>(entry.flags));
  peers.add(entry.peer);
  xmls.add(entry.xml);
}

LogGroup::Added LogGroup::check_fences(const LogBatch& batch) const {
  Added result = Added::yes;
  for (const auto& [shard, epoch] : batch.fences) {
    const auto known = epochs_.find(shard);
    if (known == epochs_.end() || epoch == known->second) continue;
    if (epoch < known->second) return Added::fenced;
    result = Added::next_group;
  }
  return result;
}

LogGroup::Added LogGroup::add(const LogBatch& batch) {
  // Replacements are written after all entries of the group, so an entry that comes later must not be one of them.
  if (!purged_.empty() || (!replaced_.ids.empty() && !batch.entries.empty())) return Added::next_group;
  // So is what has expired.
  if (std::ranges::any_of(batch.entries, [this](const LogEntry& entry) { return entry.id <= expired_up_to_; }))
    return Added::next_group;
  if (const auto checked = check_fences(batch); checked != Added::yes) return checked;
  for (const auto& [shard, epoch] : batch.fences) epochs_[shard] = epoch;
  empty_ = empty_ && batch.empty() && batch.fences.empty();
  for (const auto& entry : batch.entries) {
    if ((entry.flags & LogEntry::archived) != 0) {
      archived_.add(entry);
    } else if ((entry.flags & LogEntry::inbox) != 0) {
      transient_.add(entry);
    }  // else neither archived nor to be delivered: nothing to keep
  }
  for (const auto& entry : batch.replaced) replaced_.add(entry);
  for (const auto& seen : batch.seen) {
    seen_owners_.add(seen.owner);
    seen_keys_.add(seen.key);
  }
  for (const auto& cursor : batch.cursors) {
    cursors_[{cursor.owner, cursor.device}] = cursor.id;
    if (!cursor.device.empty()) continue;  // only the account's own cursor says that nobody needs the entries any more
    LogId& passed = passed_[cursor.owner];
    passed = std::max(passed, cursor.id);
  }
  for (const auto& counter : batch.counters) counters_[{counter.owner, counter.session}] = counter.handled;
  for (const auto& key : batch.delivered) {
    delivered_owners_.add(key.owner);
    delivered_ids_.add(static_cast<int64_t>(key.id));
  }
  for (const auto& session : batch.ended) counters_[{session.owner, session.session}] = std::nullopt;
  for (const auto& expired : batch.expired) {
    if (expired.ids.empty()) continue;
    expired_.push_back(expired);
    expired_up_to_ = std::max(expired_up_to_, expired.ids.back());
  }
  for (const auto& owner : batch.purged) purged_.add(owner);
  return Added::yes;
}

size_t LogGroup::bytes() const {
  return archived_.xmls.bytes() + transient_.xmls.bytes() + replaced_.xmls.bytes() + archived_.peers.bytes() +
         archived_.owners.bytes() + seen_keys_.bytes() + seen_owners_.bytes() +
         64 * (cursors_.size() + counters_.size()) + delivered_owners_.bytes();
}

void LogGroup::send(Connection& connection, int64_t writer, int64_t number) const {
  connection.send("BEGIN");
  // First: a former attempt of this group that is still under way has to end before.
  // (take_number() says what is wrong; to call it when nothing is would cost half as much again.)
  connection.send(
      "WITH taken AS (INSERT INTO log_writers AS w (writer, number, written) VALUES ($1, $2, now())"
      " ON CONFLICT (writer) DO UPDATE SET number = excluded.number, written = excluded.written WHERE w.number < "
      "excluded.number"
      " RETURNING number) SELECT take_number($1, $2) WHERE NOT EXISTS (SELECT FROM taken)",
      Parameters(writer, number));
  send_entries(connection);
  if (!seen_owners_.empty()) {
    connection.send(
        "INSERT INTO log_seen (slot, owner, key) SELECT slot_of(week_of(now())), owner, key"
        " FROM unnest($1::text[], $2::bytea[]) AS s(owner, key) ON CONFLICT (slot, owner, key) DO NOTHING",
        Parameters(seen_owners_, seen_keys_));
  }
  send_states(connection);
  send_deliveries(connection);
  for (const auto& [owner, ids] : expired_) {
    connection.send("DELETE FROM log_entries WHERE owner = $1 AND id BETWEEN $2 AND $3",
                    Parameters(owner, static_cast<int64_t>(ids.front()), static_cast<int64_t>(ids.back())));
  }
  if (!purged_.empty()) {
    for (const std::string_view sql : {"DELETE FROM log_entries WHERE owner = ANY ($1::text[])",
                                       "DELETE FROM log_transient WHERE owner = ANY ($1::text[])",
                                       "DELETE FROM log_seen WHERE owner = ANY ($1::text[])",
                                       "DELETE FROM log_cursors WHERE owner = ANY ($1::text[])",
                                       "DELETE FROM log_counters WHERE owner = ANY ($1::text[])"}) {
      connection.send(sql, Parameters(purged_));
    }
  }
  // Last, so that the locks which a shard's new owner waits for are held for the commit alone.
  send_epochs(connection);
  connection.send("COMMIT");
}

void LogGroup::send_entries(Connection& connection) const {
  if (!archived_.ids.empty()) {
    connection.send(
        "INSERT INTO log_entries (owner, id, flags, peer, xml) SELECT owner, id, flags::smallint, peer, xml"
        " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[]) AS e(owner, id, flags, peer, "
        "xml)"
        " ON CONFLICT (owner, id) DO NOTHING",
        Parameters(archived_.owners, archived_.ids, archived_.flags, archived_.peers, archived_.xmls));
  }
  if (!transient_.ids.empty()) {
    connection.send(
        "INSERT INTO log_transient (owner, id, flags, peer, xml) SELECT owner, id, flags::smallint, peer, xml"
        " FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[]) AS e(owner, id, flags, peer, "
        "xml)"
        " ON CONFLICT (owner, id) DO NOTHING",
        Parameters(transient_.owners, transient_.ids, transient_.flags, transient_.peers, transient_.xmls));
  }
  if (replaced_.ids.empty()) return;
  // Of two replacements of one entry the last one counts.
  connection.send(
      "UPDATE log_entries e SET peer = r.peer, xml = r.xml FROM (SELECT DISTINCT ON (owner, id) owner, id, peer, xml"
      " FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bytea[]) WITH ORDINALITY AS u(owner, id, peer, xml, "
      "place)"
      " ORDER BY owner, id, place DESC) AS r WHERE e.owner = r.owner AND e.id = r.id",
      Parameters(replaced_.owners, replaced_.ids, replaced_.peers, replaced_.xmls));
}

void LogGroup::send_states(Connection& connection) const {
  Array owners = Array::of_text(), names = Array::of_text(), numbers = Array::of_integers();
  for (const auto& [key, id] : cursors_) {
    owners.add(key.first);
    names.add(key.second);
    numbers.add(static_cast<int64_t>(id));
  }
  if (!owners.empty()) {
    connection.send(
        "INSERT INTO log_cursors (owner, device, id) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])"
        " ON CONFLICT (owner, device) DO UPDATE SET id = excluded.id",
        Parameters(owners, names, numbers));
  }
  owners.clear(), names.clear(), numbers.clear();
  Array ended_owners = Array::of_text(), ended_names = Array::of_text();
  for (const auto& [key, handled] : counters_) {
    (handled ? owners : ended_owners).add(key.first);
    (handled ? names : ended_names).add(key.second);
    if (handled) numbers.add(static_cast<int64_t>(*handled));
  }
  if (!owners.empty()) {
    connection.send(
        "INSERT INTO log_counters (owner, session, handled) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])"
        " ON CONFLICT (owner, session) DO UPDATE SET handled = excluded.handled",
        Parameters(owners, names, numbers));
  }
  if (!ended_owners.empty()) {
    connection.send(
        "DELETE FROM log_counters c USING unnest($1::text[], $2::text[]) AS e(owner, session)"
        " WHERE c.owner = e.owner AND c.session = e.session",
        Parameters(ended_owners, ended_names));
  }
}

void LogGroup::send_deliveries(Connection& connection) const {
  Array owners = Array::of_text(), ids = Array::of_integers();
  for (const auto& [owner, id] : passed_) {
    owners.add(owner);
    ids.add(static_cast<int64_t>(id));
  }
  if (!owners.empty()) {
    connection.send(
        "DELETE FROM log_transient t USING unnest($1::text[], $2::bigint[]) AS c(owner, id)"
        " WHERE t.owner = c.owner AND t.id <= c.id",
        Parameters(owners, ids));
  }
  if (delivered_owners_.empty()) return;
  connection.send(
      "UPDATE log_entries e SET flags = flags & ~2::smallint FROM unnest($1::text[], $2::bigint[]) AS d(owner, id)"
      " WHERE e.owner = d.owner AND e.id = d.id AND (e.flags & 2::smallint) <> 0",
      Parameters(delivered_owners_, delivered_ids_));
  connection.send(
      "DELETE FROM log_transient t USING unnest($1::text[], $2::bigint[]) AS d(owner, id)"
      " WHERE t.owner = d.owner AND t.id = d.id",
      Parameters(delivered_owners_, delivered_ids_));
}

void LogGroup::send_epochs(Connection& connection) const {
  if (epochs_.empty()) return;
  Array shards = Array::of_integers(), epochs = Array::of_integers();
  for (const auto& [shard, epoch] : epochs_) {
    shards.add(static_cast<int64_t>(shard));
    epochs.add(static_cast<int64_t>(epoch));
  }
  // The rows are locked here; a function is slower to enter, so it is left to say what is wrong.
  connection.send(
      "WITH held AS (SELECT epoch FROM shard_epochs WHERE shard = ANY ($1::bigint[]) ORDER BY shard FOR SHARE)"
      " SELECT check_epochs($1, $2) WHERE (SELECT array_agg(epoch) FROM held) IS DISTINCT FROM $2::bigint[]",
      Parameters(shards, epochs));
}

}  // namespace rookery::storage::postgres
