#include "storage/rocksdb/batch_encoder.h"

#include <array>
#include <utility>

#include "storage/rocksdb/codec.h"

namespace rookery::storage::rocks {

namespace {

/// Every reader has to look at the tombstone of a range, so that few entries are better deleted one by one.
constexpr size_t worth_a_range = 64;

void put(rocksdb::WriteBatch& out, rocksdb::ColumnFamilyHandle* family, std::string_view key, std::string_view value) {
  out.Put(family, slice(key), slice(value));
}

}  // namespace

Status BatchEncoder::load(Database& database) {
  rocksdb::ReadOptions options;
  std::unique_ptr<rocksdb::Iterator> row(database.db().NewIterator(options, database.family(Family::state)));
  const std::string letter(1, epoch_letter);
  for (row->Seek(letter); row->Valid() && row->key().starts_with(letter); row->Next()) {
    const auto shard = static_cast<uint32_t>(read_big_endian(view(row->key()).substr(1)));
    epochs_[shard] = read_big_endian(view(row->value()));
  }
  if (!row->status().ok()) return std::unexpected(to_error(row->status(), "cannot read the message log's epochs"));

  row.reset(database.db().NewIterator(options, database.family(Family::transient)));
  for (row->SeekToFirst(); row->Valid(); row->Next()) {
    const std::string_view key = view(row->key());
    transient_[std::string(key.substr(0, key.size() - 9))].insert(id_of_key(key));
  }
  if (!row->status().ok()) return std::unexpected(to_error(row->status(), "cannot read the message log's inbox"));
  return {};
}

Status BatchEncoder::add(const LogBatch& batch, Database& database, rocksdb::WriteBatch& out) {
  if (auto status = check_fences(batch, database, out); !status) return status;
  for (const auto& entry : batch.entries) add_entry(entry, database, out);
  for (const auto& entry : batch.replaced) {
    // Merged, not put: only the merge knows whether the entry exists, and it may be in this very write.
    scratch_ = encode_replacement(entry);
    out.Merge(database.family(Family::entries), entry_key(entry.owner, entry.id), slice(scratch_));
  }
  for (const auto& seen : batch.seen) {
    scratch_.assign(seen.owner).append(1, '\0').append(seen.key);
    put(out, database.family(Family::seen), scratch_, {});
  }
  for (const auto& cursor : batch.cursors) add_cursor(cursor, database, out);
  for (const auto& counter : batch.counters) {
    scratch_.assign(1, counter_letter).append(counter.owner).append(1, '\0').append(counter.session);
    put(out, database.family(Family::state), scratch_, big_endian(counter.handled));
  }
  for (const auto& key : batch.delivered) add_delivered(key, database, out);
  for (const auto& session : batch.ended) {
    out.Delete(database.family(Family::state), counter_key(session.owner, session.session));
  }
  for (const auto& expired : batch.expired) add_expired(expired, database, out);
  for (const auto& owner : batch.purged) add_purge(owner, database, out);
  return {};
}

Status BatchEncoder::check_fences(const LogBatch& batch, Database& database, rocksdb::WriteBatch& out) {
  for (const auto& [shard, epoch] : batch.fences) {
    const uint64_t newest = epochs_[shard];
    if (epoch >= newest) continue;
    return fail(Failure::fenced, "shard " + std::to_string(shard) + " has been written with epoch " +
                                     std::to_string(newest) + ", which is newer than " + std::to_string(epoch));
  }
  for (const auto& [shard, epoch] : batch.fences) {
    if (std::exchange(epochs_[shard], epoch) != epoch)
      put(out, database.family(Family::state), epoch_key(shard), big_endian(epoch));
  }
  return {};
}

void BatchEncoder::add_entry(const LogEntry& entry, Database& database, rocksdb::WriteBatch& out) {
  const bool archived = (entry.flags & LogEntry::archived) != 0;
  if (!archived && (entry.flags & LogEntry::inbox) == 0)
    return;  // neither archived nor to be delivered: nothing to keep
  if (!archived) transient_[entry.owner].insert(entry.id);

  std::array<char, 9> tail{};  // NUL and the id
  for (size_t i = 0; i < 8; ++i) tail[1 + i] = static_cast<char>(entry.id >> (56 - 8 * i));
  // RocksDB copies into its batch, so the row is given in parts instead of being glued together first.
  const EntryHead head = encode_head(entry);
  const std::array<rocksdb::Slice, 2> key = {slice(entry.owner), rocksdb::Slice(tail.data(), tail.size())};
  const std::array<rocksdb::Slice, 3> value = {rocksdb::Slice(head.bytes, sizeof(head.bytes)), slice(entry.peer),
                                               slice(entry.xml)};
  out.Put(database.family(archived ? Family::entries : Family::transient),
          rocksdb::SliceParts(key.data(), static_cast<int>(key.size())),
          rocksdb::SliceParts(value.data(), static_cast<int>(value.size())));
}

void BatchEncoder::add_cursor(const LogBatch::Cursor& cursor, Database& database, rocksdb::WriteBatch& out) {
  scratch_.assign(1, cursor_letter).append(cursor.owner).append(1, '\0').append(cursor.device);
  put(out, database.family(Family::state), scratch_, big_endian(cursor.id));
  if (!cursor.device.empty()) return;  // only the account's own cursor says that nobody needs the entries any more

  const auto owner = transient_.find(cursor.owner);
  if (owner == transient_.end()) return;
  auto& ids = owner->second;
  while (!ids.empty() && *ids.begin() <= cursor.id) {
    out.Delete(database.family(Family::transient), entry_key(cursor.owner, *ids.begin()));
    ids.erase(ids.begin());
  }
  if (ids.empty()) transient_.erase(owner);
}

void BatchEncoder::add_delivered(const LogBatch::Key& key, Database& database, rocksdb::WriteBatch& out) {
  const std::string row = entry_key(key.owner, key.id);
  const auto owner = transient_.find(key.owner);
  if (owner == transient_.end() || owner->second.erase(key.id) == 0) {
    out.Merge(database.family(Family::entries), row, slice(clear_inbox));
    return;
  }
  if (owner->second.empty()) transient_.erase(owner);
  out.Delete(database.family(Family::transient), row);
}

void BatchEncoder::add_expired(const LogBatch::Expired& expired, Database& database, rocksdb::WriteBatch& out) {
  auto* const family = database.family(Family::entries);
  if (expired.ids.size() >= worth_a_range) {
    out.DeleteRange(family, entry_key(expired.owner, expired.ids.front()),
                    entry_key(expired.owner, expired.ids.back() + 1));
    return;
  }
  for (const LogId id : expired.ids) out.Delete(family, entry_key(expired.owner, id));
}

void BatchEncoder::add_purge(const std::string& owner, Database& database, rocksdb::WriteBatch& out) {
  const std::string begin = owner_begin(owner), end = owner_end(owner);
  for (const Family family : {Family::entries, Family::transient, Family::seen}) {
    out.DeleteRange(database.family(family), begin, end);
  }
  for (const char letter : {cursor_letter, counter_letter}) {
    out.DeleteRange(database.family(Family::state), letter + begin, letter + end);
  }
  transient_.erase(owner);
}

}  // namespace rookery::storage::rocks
