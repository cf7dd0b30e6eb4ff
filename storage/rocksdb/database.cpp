#include "storage/rocksdb/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <mutex>

#include "storage/rocksdb/codec.h"

namespace rookery::storage::rocks {

namespace {

constexpr size_t kilobyte = 1024, megabyte = 1024 * kilobyte;

/// REQUIREMENTS 20 promises seven days. A file goes when its oldest key is this old, and the writer flushes the family
/// once a day, so that keys of one file are at most a day apart.
constexpr uint64_t seen_ttl_seconds = 9 * 24 * 3600;
/// FIFO compaction also drops by size; far away, so that only the TTL decides.
constexpr uint64_t seen_limit_bytes = uint64_t{1} << 40;

rocksdb::BlockBasedTableOptions table_options(const std::shared_ptr<rocksdb::Cache>& cache, bool whole_keys) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = 16 * kilobyte;
  table.cache_index_and_filter_blocks = true;  // memory of a node stays within the cache's size
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.whole_key_filtering = whole_keys;
  table.format_version = 5;
  return table;
}

rocksdb::DBOptions database_options(const RocksdbOptions& options, rocksdb::Env* env) {
  rocksdb::DBOptions db;
  if (env) db.env = env;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.max_background_jobs = 2;
  db.max_open_files = -1;  // FIFO compaction with a TTL asks for it
  db.max_file_opening_threads = 1;
  // Small families keep old WAL files alive until they are flushed; this makes them flush.
  db.max_total_wal_size = 8 * options.memtable_bytes;
  // A record cut off by a crash is normal at the end of the WAL; anywhere else it would be silent loss: refuse to
  // start.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // One thread writes: nothing to coordinate.
  db.allow_concurrent_memtable_write = false;
  db.enable_write_thread_adaptive_yield = false;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.keep_log_file_num = 2;
  db.max_log_file_size = megabyte;
  db.max_manifest_file_size = 16 * megabyte;
  db.bytes_per_sync = megabyte;
  return db;
}

rocksdb::ColumnFamilyOptions small_family(const RocksdbOptions& options, const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions family;
  family.write_buffer_size = options.memtable_bytes / 4;
  family.arena_block_size = std::min(256 * kilobyte, family.write_buffer_size / 8);
  family.max_write_buffer_number = 3;
  family.compression = rocksdb::kNoCompression;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(cache, true)));
  return family;
}

rocksdb::ColumnFamilyOptions entries_family(const RocksdbOptions& options,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions family = small_family(options, cache);
  family.write_buffer_size = options.memtable_bytes;
  family.arena_block_size = std::min(megabyte, family.write_buffer_size / 8);
  family.merge_operator = entry_merge_operator();
  family.prefix_extractor = owner_prefix();
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(cache, false)));
  // Universal compaction rewrites a row about log(size) times, levelled ten times a level: CPU is what we are short of.
  family.compaction_style = rocksdb::kCompactionStyleUniversal;
  family.target_file_size_base = 256 * megabyte;  // all files stay open: few, large ones
  family.level0_file_num_compaction_trigger = 10;
  family.level0_slowdown_writes_trigger = 30;
  family.level0_stop_writes_trigger = 50;
  // Compressed from the flush on: universal compaction compares sizes, and a last level that alone is compressed looks
  // so small that everything is merged into it again and again (6.7 rewrites a row in a run of a million messages).
  family.compression = rocksdb::kLZ4Compression;
  return family;
}

rocksdb::ColumnFamilyOptions seen_family(const RocksdbOptions& options, const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions family = small_family(options, cache);
  family.compaction_style = rocksdb::kCompactionStyleFIFO;
  family.ttl = seen_ttl_seconds;
  family.compaction_options_fifo.max_table_files_size = seen_limit_bytes;
  family.compaction_options_fifo.allow_compaction = true;
  return family;
}

}  // namespace

Error to_error(const rocksdb::Status& status, std::string_view doing) {
  const bool full = status.IsNoSpace();
  return {full ? Failure::full : Failure::io, std::string(doing) + ": " + status.ToString()};
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& folder, const RocksdbOptions& options,
                                                 rocksdb::Env* env) {
  const auto cache = rocksdb::NewLRUCache(options.cache_bytes, 2);
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, small_family(options, cache)},
      {"entries", entries_family(options, cache)},
      {"transient", small_family(options, cache)},
      {"state", small_family(options, cache)},
      {"seen", seen_family(options, cache)},
  };
  std::unique_ptr<Database> database(new Database);
  const auto status = rocksdb::DB::Open(database_options(options, env), folder.string(), families, &database->families_,
                                        &database->db_);
  if (status.IsIOError() && status.ToString().find("/LOCK: ") != std::string::npos) {
    return fail(Failure::unavailable,
                "the message log in " + folder.string() + " is in use: another rookeryd runs on it");
  }
  if (!status.ok()) return std::unexpected(to_error(status, "cannot open the message log in " + folder.string()));
  return database;
}

Database::~Database() {
  if (!db_) return;
  for (auto* family : families_) db_->DestroyColumnFamilyHandle(family);
  db_->Close();
  delete db_;
}

DatabaseSlot::DatabaseSlot(std::filesystem::path folder, RocksdbOptions options, rocksdb::Env* env)
    : folder_(std::move(folder)), options_(options), env_(env) {}

Status DatabaseSlot::open() {
  std::unique_lock lock(mutex_);
  database_.reset();  // one process, and one opening, at a time holds RocksDB's lock
  auto opened = Database::open(folder_, options_, env_);
  if (!opened) return std::unexpected(opened.error());
  database_ = std::move(*opened);
  return {};
}

Status DatabaseSlot::recover() {
  const Status resumed = with([&](Database& database) -> Status {
    const auto status = database.db().Resume();
    if (status.ok()) return {};
    return std::unexpected(to_error(status, "cannot resume the message log"));
  });
  if (resumed) return {};
  // Some errors (a failed sync) RocksDB holds to be final. Reading goes on until opening again has a chance.
  if (auto status = probe(); !status) return status;
  return open();
}

Status DatabaseSlot::probe() const {
  rocksdb::Env* env = env_ ? env_ : rocksdb::Env::Default();
  const std::string file = (folder_ / "probe").string();
  const auto status = rocksdb::WriteStringToFile(env, std::string(megabyte, '\0'), file, true);
  (void)env->DeleteFile(file);
  if (!status.ok()) return std::unexpected(to_error(status, "the disk of the message log refuses to write"));
  return {};
}

}  // namespace rookery::storage::rocks
