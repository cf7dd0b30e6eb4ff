#include "storage/transfer/log_copy.h"

#include <future>

#include "storage/rocksdb/codec.h"

namespace rookery::storage::transfer {

namespace {

constexpr size_t batch_rows = 1000;

Status commit(MessageLog& log, LogBatch batch) {
  std::promise<Status> promise;
  auto done = promise.get_future();
  log.commit(std::move(batch), [&promise](Status status) { promise.set_value(std::move(status)); });
  return done.get();
}

rocks::Family family_of(Rows kind) {
  switch (kind) {
    case Rows::archived:
      return rocks::Family::entries;
    case Rows::transient:
      return rocks::Family::transient;
    case Rows::seen:
      return rocks::Family::seen;
    case Rows::cursors:
    case Rows::counters:
      break;
  }
  return rocks::Family::state;
}

/// One row into the batch and the checksum; rows of other kinds in the same family are passed over.
void take(Rows kind, std::string_view key, std::string_view value, LogBatch& batch, Checksum& sum) {
  if (kind == Rows::archived || kind == Rows::transient) {
    const rocks::EntryView view(value);
    if (!view.valid()) return;
    const LogEntry& entry =
        batch.entries.emplace_back(view.to_entry(key.substr(0, key.size() - 9), rocks::id_of_key(key)));
    sum.add(entry.owner), sum.add(static_cast<int64_t>(entry.id)), sum.add(static_cast<int64_t>(entry.flags));
    sum.add(entry.peer), sum.add(entry.xml);
    return sum.end_row();
  }
  if (kind == Rows::cursors || kind == Rows::counters) {
    if (key.front() != (kind == Rows::cursors ? rocks::cursor_letter : rocks::counter_letter)) return;
    key.remove_prefix(1);
  }
  const std::string owner(key.substr(0, key.find('\0'))), name(key.substr(key.find('\0') + 1));
  sum.add(owner), sum.add(name);
  if (kind == Rows::seen) {
    batch.seen.push_back({owner, name});
    return sum.end_row();
  }
  const LogId number = rocks::read_big_endian(value);
  sum.add(static_cast<int64_t>(number));
  if (kind == Rows::cursors) {
    batch.cursors.push_back({owner, name, number});
  } else {
    batch.counters.push_back({owner, name, static_cast<uint32_t>(number)});
  }
  sum.end_row();
}

}  // namespace

Result<Checksum> copy(Rows kind, rocks::Database& from, MessageLog& to) {
  Checksum sum;
  LogBatch batch;
  const std::unique_ptr<rocksdb::Iterator> row(
      from.db().NewIterator(rocksdb::ReadOptions(), from.family(family_of(kind))));
  for (row->SeekToFirst(); row->Valid(); row->Next()) {
    take(kind, rocks::view(row->key()), rocks::view(row->value()), batch, sum);
    if (batch.size() < batch_rows) continue;
    if (auto status = commit(to, std::exchange(batch, {})); !status) return std::unexpected(status.error());
  }
  if (!row->status().ok()) return std::unexpected(rocks::to_error(row->status(), "cannot read the message log"));
  if (auto status = commit(to, std::move(batch)); !status) return std::unexpected(status.error());
  return sum;
}

}  // namespace rookery::storage::transfer
