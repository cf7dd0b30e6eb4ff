#include "storage/postgres/database.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

namespace rookery::storage::postgres {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds first_retry{50}, longest_retry{1000};

std::unexpected<Error> lost_transaction() {
  return fail(Failure::unavailable, "the transaction was lost with the connection to PostgreSQL");
}

}  // namespace

bool Rows::next() {
  if (error_ || !result_ || row_ + 1 >= PQntuples(result_.get())) return false;
  ++row_;
  return true;
}

Status Rows::status() const {
  if (error_) return std::unexpected(*error_);
  return {};
}

int64_t Rows::affected() const { return result_ ? std::strtoll(PQcmdTuples(result_.get()), nullptr, 10) : 0; }
std::string_view Rows::command() const { return result_ ? PQcmdStatus(result_.get()) : ""; }

std::string_view Rows::view(int column) const {
  return {PQgetvalue(result_.get(), row_, column), static_cast<size_t>(PQgetlength(result_.get(), row_, column))};
}

/// Binary: big-endian, of 1, 2, 4 or 8 bytes.
int64_t Rows::integer(int column) const {
  const std::string_view bytes = view(column);
  uint64_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<uint8_t>(c);
  const size_t unused_bits = 64 - 8 * std::clamp<size_t>(bytes.size(), 1, 8);
  return static_cast<int64_t>(number << unused_bits) >> unused_bits;
}

bool Rows::is_null(int column) const { return PQgetisnull(result_.get(), row_, column) == 1; }

Status Database::connect() { return connect_until(Clock::now() + options_.patience); }

Status Database::connect_until(Clock::time_point deadline) {
  for (auto delay = first_retry; !connection_ || connection_->lost(); delay = std::min(2 * delay, longest_retry)) {
    connection_.reset();
    auto opened = Connection::open(options_, purpose_);
    if (opened) {
      connection_ = std::move(*opened);
      return {};
    }
    if (opened.error().failure != Failure::unavailable || Clock::now() + delay > deadline)
      return std::unexpected(opened.error());
    std::this_thread::sleep_for(delay);
  }
  return {};
}

Rows Database::execute(std::string_view sql, const Parameters& parameters) {
  changes_ = 0;
  if (lost_) return Rows(lost_transaction().error());
  const bool repeatable = in_transaction_ ? !begun_ : sql.starts_with("SELECT");
  const auto deadline = Clock::now() + options_.patience;
  for (;;) {
    if (auto status = connect_until(deadline); !status) {
      lost_ = in_transaction_;
      return Rows(status.error());
    }
    for (const std::string_view before : deferred_) connection_->send(before);
    connection_->send(sql, parameters);
    Answer answer = connection_->sync();
    if (connection_->lost()) {
      if (repeatable && Clock::now() < deadline) continue;
      lost_ = in_transaction_;
      return Rows(*answer.error);
    }
    deferred_.clear();
    begun_ = in_transaction_;
    ++executed_;
    if (answer.error) return Rows(*answer.error);
    Rows rows(std::move(answer.results.back()));
    changes_ = rows.command().starts_with("SELECT") ? 0 : rows.affected();
    changes_in_all_ += changes_;
    return rows;
  }
}

Status Database::transaction(std::string_view begin, const std::function<Status()>& work) {
  ensure(!in_transaction_);
  in_transaction_ = true;
  begun_ = lost_ = false;
  deferred_.assign(1, begin);
  struct Ending {  // also when `work` throws
    Database& database;
    ~Ending() {
      if (database.begun_ && !database.lost_) {
        database.deferred_.clear();
        (void)database.run("ROLLBACK");
      }
      database.in_transaction_ = database.begun_ = database.lost_ = false;
      database.deferred_.clear();
    }
  } ending{*this};
  if (auto status = work(); !status) return status;
  if (lost_) return lost_transaction();
  if (!begun_) return {};  // nothing was asked of the database
  const Rows ended = query("COMMIT");
  if (auto status = ended.status(); !status) return status;
  begun_ = false;
  // PostgreSQL answers so, and not with an error, when an earlier statement has failed.
  if (ended.command() != "COMMIT") return fail(Failure::io, "PostgreSQL rolled the transaction back after an error");
  return {};
}

Status Database::savepoint(const std::function<Status()>& work, const Fence& fence) {
  if (!in_transaction_) return transaction([&] { return savepoint(work, fence); });
  if (lost_) return lost_transaction();
  const size_t executed = executed_, deferred = deferred_.size();
  const int64_t changes = changes_in_all_;
  deferred_.emplace_back("SAVEPOINT step");
  struct Ending {
    Database& database;
    const size_t executed, deferred;
    bool keep = false;
    ~Ending() {
      if (database.lost_) return;
      if (database.executed_ == executed) {
        database.deferred_.resize(deferred);  // nothing was sent: the savepoint is not needed
        return;
      }
      if (!keep) database.deferred_.emplace_back("ROLLBACK TO SAVEPOINT step");
      database.deferred_.emplace_back("RELEASE SAVEPOINT step");
    }
  } ending{*this, executed, deferred};
  Status status = work();
  if (status && fence.epoch != 0 && changes_in_all_ != changes) status = check(fence);
  if (status && lost_) status = lost_transaction();
  ending.keep = status.has_value();
  return status;
}

Status Database::check(const Fence& fence) {
  Array shards = Array::of_integers(), epochs = Array::of_integers();
  shards.add(static_cast<int64_t>(fence.shard));
  epochs.add(static_cast<int64_t>(fence.epoch));
  return run("SELECT check_epochs($1, $2)", shards, epochs);
}

}  // namespace rookery::storage::postgres
