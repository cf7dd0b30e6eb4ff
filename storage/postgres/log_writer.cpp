#include "storage/postgres/log_writer.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "crypto/random.h"
#include "storage/postgres/database.h"

namespace rookery::storage::postgres {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t group_limit_bytes = 2 * 1024 * 1024;
constexpr std::chrono::milliseconds first_retry{50}, longest_retry{1000};
constexpr std::chrono::hours rotation_interval{6};

int64_t random_number() {
  int64_t number = 0;
  const std::string bytes = crypto::random_bytes(sizeof(number));
  std::memcpy(&number, bytes.data(), sizeof(number));
  return number;
}

/// What the database has against the data itself; anything else (a missing table, say) can be mended from outside.
bool is_final(std::string_view sqlstate) {
  return sqlstate == sqlstate_fenced || sqlstate.starts_with("22") || sqlstate.starts_with("23");
}

}  // namespace

LogWriter::LogWriter(PostgresOptions options, std::unique_ptr<Connection> connection)
    : options_(std::move(options)), writer_(random_number()), connection_(std::move(connection)) {
  thread_ = std::thread([this] { run(); });
}

LogWriter::~LogWriter() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void LogWriter::commit(LogBatch batch, Done done) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = queue_.empty();
    queue_.push_back({std::move(batch), std::move(done), {}});
  }
  if (was_empty) wake_.notify_one();
}

void LogWriter::run() {
  std::vector<Item> items;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, rotation_interval, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty() && closing_) return;
      items.swap(queue_);
    }
    for (std::span<Item> rest = items; !rest.empty();) {
      const std::span<Item> beyond = write_some(rest);
      for (Item& item : rest.first(rest.size() - beyond.size())) {
        if (item.done) item.done(std::move(*item.status));
      }
      rest = beyond;
    }
    items.clear();
    rotate_seen_daily();
  }
}

std::span<LogWriter::Item> LogWriter::write_some(std::span<Item> items) {
  size_t most = items.size();
  for (;;) {
    LogGroup group;
    size_t taken = 0;
    while (taken < most && group.bytes() < group_limit_bytes) {
      Item& item = items[taken];
      if (item.status) {  // refused in a former round
        ++taken;
        continue;
      }
      const auto added = group.add(item.batch);
      if (added == LogGroup::Added::next_group) break;
      if (added == LogGroup::Added::fenced)
        item.status = fail(Failure::fenced, "the shard has been written with a newer epoch");
      ++taken;
    }
    const std::span<Item> tried = items.first(taken);
    std::string sqlstate;
    const Status written = write_group(group, sqlstate);
    if (written || gave_up_ || (sqlstate != sqlstate_fenced && taken == 1)) {
      for (Item& item : tried) {
        if (!item.status) item.status = written;
      }
      return items.subspan(taken);
    }
    if (sqlstate == sqlstate_fenced) {
      refuse_fenced(tried);
    } else {
      most = 1;  // one batch of these is impossible: alone it fails alone
    }
  }
}

Status LogWriter::write_group(const LogGroup& group, std::string& sqlstate) {
  if (group.empty()) return {};
  if (gave_up_)
    return fail(Failure::unavailable, "an earlier batch could not be written before the message log was closed");
  ++number_;
  for (auto delay = first_retry;; delay = std::min(2 * delay, longest_retry)) {
    Answer answer = attempt(group);
    if (!answer.error || answer.sqlstate == sqlstate_written_before) {
      healthy_ = true;
      return {};
    }
    sqlstate = answer.sqlstate;
    if (is_final(sqlstate)) {
      healthy_ = true;
      return std::unexpected(*answer.error);
    }
    healthy_ = false;
    if (!wait_before_retry(delay)) break;
  }
  if (const Answer last = attempt(group); !last.error || last.sqlstate == sqlstate_written_before) return {};
  gave_up_ = true;
  return fail(Failure::unavailable, "the message log was closed while PostgreSQL did not take the batch");
}

Answer LogWriter::attempt(const LogGroup& group) {
  if (!connection_ || connection_->lost()) {
    connection_.reset();
    auto opened = Connection::open(options_, purpose);
    if (!opened) return {.results = {}, .error = opened.error(), .sqlstate = {}};
    connection_ = std::move(*opened);
  }
  group.send(*connection_, writer_, number_);
  Answer answer = connection_->sync();
  if (!answer.error || connection_->lost()) return answer;
  connection_->send("ROLLBACK");
  if (answer.sqlstate == sqlstate_written_before) connection_->send(wait_for_standbys);
  Answer after = connection_->sync();
  // REQUIREMENTS 18: a former attempt is acknowledged when the standbys have it, too.
  return answer.sqlstate == sqlstate_written_before && after.error ? std::move(after) : std::move(answer);
}

void LogWriter::refuse_fenced(std::span<Item> items) {
  Array shards = Array::of_integers();
  for (const Item& item : items) {
    for (const Fence& fence : item.batch.fences) shards.add(static_cast<int64_t>(fence.shard));
  }
  connection_->send("SELECT shard, epoch FROM shard_epochs WHERE shard = ANY ($1::bigint[])", Parameters(shards));
  Answer answer = connection_->sync();
  if (answer.error) return;  // the next attempt finds the same again
  std::unordered_map<uint32_t, uint64_t> newest;
  Rows rows(std::move(answer.results.front()));
  while (rows.next()) newest[static_cast<uint32_t>(rows.integer(0))] = static_cast<uint64_t>(rows.integer(1));
  for (Item& item : items) {
    const auto is_old = [&](const Fence& fence) { return fence.epoch < newest[fence.shard]; };
    const auto old = std::ranges::find_if(item.batch.fences, is_old);
    if (item.status || old == item.batch.fences.end()) continue;
    item.status = fail(Failure::fenced, "shard " + std::to_string(old->shard) + " has a newer owner: its epoch is " +
                                            std::to_string(newest[old->shard]) + ", not " + std::to_string(old->epoch));
  }
}

bool LogWriter::wait_before_retry(std::chrono::milliseconds delay) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, delay, [this] { return closing_; });
}

void LogWriter::rotate_seen_daily() {
  if (Clock::now() < rotate_at_ || !connection_ || connection_->lost()) return;
  rotate_at_ = Clock::now() + rotation_interval;
  // Nothing depends on its success now: it is tried again in some hours, and there is a week for it.
  connection_->send("SELECT rotate_seen()");
  connection_->send("DELETE FROM log_writers WHERE written < now() - interval '7 days'");
  (void)connection_->sync();
}

}  // namespace rookery::storage::postgres
