// What a store sees of PostgreSQL: statements, transactions that undo themselves, and a connection that comes back.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/postgres/connection.h"

namespace rookery::storage::postgres {

/// The rows of one statement. A failure waits in status(), so that reading rows is one loop:
///   auto rows = database.query("SELECT name FROM people WHERE age > $1", 30);
///   while (rows.next()) use(rows.text(0));
///   if (auto status = rows.status(); !status) return std::unexpected(status.error());
class Rows {
 public:
  explicit Rows(ResultPtr result) : result_(std::move(result)) {}
  explicit Rows(Error error) : error_(std::move(error)) {}

  bool next();  ///< moves to the next row; false at the end or after a failure
  Status status() const;
  int64_t affected() const;  ///< rows inserted, updated or deleted
  std::string_view command() const;

  /// Columns of the current row, from 0. Views last as long as the Rows.
  std::string_view view(int column) const;
  std::string text(int column) const { return std::string(view(column)); }
  int64_t integer(int column) const;
  bool boolean(int column) const { return integer(column) != 0; }
  bool is_null(int column) const;

 private:
  ResultPtr result_;
  int row_ = -1;
  std::optional<Error> error_;
};

/// One connection, used by one thread at a time, opened again when it was lost. Nothing is sent before it has to be:
/// BEGIN and SAVEPOINT travel with the first statement that follows, so they cost no round trip.
///
/// When the connection is lost, what can be repeated without doubt is: a SELECT outside of a transaction, and a
/// transaction of which only the first statement was sent. Everything else ends in Failure::unavailable.
class Database {
 public:
  Database(PostgresOptions options, std::string purpose) : options_(std::move(options)), purpose_(std::move(purpose)) {}

  /// Connects if need be, trying again for as long as the options' patience lasts.
  Status connect();

  template <typename... Values>
  Rows query(std::string_view sql, const Values&... values) {
    return execute(sql, Parameters(values...));  // or the arrays of one vector
  }
  template <typename... Values>
  Status run(std::string_view sql, const Values&... values) {
    return query(sql, values...).status();
  }
  int64_t changes() const { return changes_; }  ///< rows that the last statement changed

  /// Runs `work` in a transaction that is committed durably when it succeeds and rolled back otherwise. Not nested.
  Status transaction(const std::function<Status()>& work) { return transaction("BEGIN", work); }
  /// Runs `work` on one moment's state.
  Status snapshot(const std::function<Status()>& work) {
    return transaction("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", work);
  }
  /// Runs `work` in a savepoint: its failure undoes only itself. Outside of a transaction it is one. What it writes is
  /// refused unless the fence holds until the end of the transaction.
  Status savepoint(const std::function<Status()>& work, const Fence& fence = {});

  Connection& connection() { return *connection_; }  ///< after connect()
  std::unique_ptr<Connection> take_connection() { return std::move(connection_); }

 private:
  Rows execute(std::string_view sql, const Parameters& parameters);
  Status transaction(std::string_view begin, const std::function<Status()>& work);
  Status connect_until(std::chrono::steady_clock::time_point deadline);
  Status check(const Fence& fence);

  const PostgresOptions options_;
  const std::string purpose_;
  std::unique_ptr<Connection> connection_;
  bool in_transaction_ = false;
  bool begun_ = false;                      ///< the server knows of the transaction
  bool lost_ = false;                       ///< the transaction went with its connection
  std::vector<std::string_view> deferred_;  ///< statements to send before the next one
  size_t executed_ = 0;
  int64_t changes_ = 0;
  int64_t changes_in_all_ = 0;
};

}  // namespace rookery::storage::postgres
