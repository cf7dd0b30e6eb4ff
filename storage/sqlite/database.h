// A small, safe hold on SQLite: one connection, cached statements, transactions that undo themselves.
#pragma once

#include <sqlite3.h>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "crypto/result.h"

namespace rookery::storage::sqlite {

class Database;

/// Bytes that are no text: bound as BLOB, which STRICT tables tell from TEXT.
struct Blob {
  std::string_view bytes;
};

/// A prepared statement with its values, for one execution; goes back to the connection's cache when it dies.
/// Failures wait in status(), so that reading rows is one loop:
///   auto rows = database.query("SELECT name FROM people WHERE age > ?", 30);
///   while (rows.next()) use(rows.text(0));
///   if (auto status = rows.status(); !status) return std::unexpected(status.error());
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  bool next();  ///< moves to the next row; false at the end or after a failure
  Status status() const;
  Status run();  ///< executes to the end, dropping rows

  /// Columns of the current row, from 0. Views last until next().
  std::string_view view(int column) const;
  std::string text(int column) const { return std::string(view(column)); }
  int64_t integer(int column) const;
  double real(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;
  Statement(Database& database, sqlite3_stmt* handle) : database_(&database), handle_(handle) {}
  explicit Statement(Error error) : error_(std::move(error)) {}

  void bind(int index, std::string_view text);
  void bind(int index, Blob blob);
  void bind(int index, double number);
  void bind(int index, std::nullptr_t);
  void bind(int index, std::integral auto number) { bind_integer(index, static_cast<int64_t>(number)); }
  template <typename T>
  void bind(int index, const std::optional<T>& value) {
    value ? bind(index, *value) : bind(index, nullptr);
  }
  void bind_integer(int index, int64_t number);
  void check_bound(int code);

  Database* database_ = nullptr;
  sqlite3_stmt* handle_ = nullptr;  ///< nullptr when preparing failed
  std::optional<Error> error_;
};

/// One step of a schema's history. Numbers are 1, 2, 3, …; what is released is never changed.
struct Migration {
  int number = 0;
  std::string_view sql;
};

/// One connection, used by one thread at a time. Bound text must outlive the statement's execution.
class Database {
 public:
  /// Opens or creates the file with mode 0600, in WAL mode with synchronous=FULL and foreign keys on.
  static Result<Database> open(const std::filesystem::path& file);
  Database(Database&& other) noexcept;
  Database& operator=(Database&&) = delete;
  ~Database();

  /// Brings the schema up to date, all or nothing (PRAGMA user_version holds the number of the last migration). A file
  /// from a newer program is refused with Failure::invalid.
  Status migrate(std::span<const Migration> migrations);

  template <typename... Values>
  Statement query(std::string_view sql, const Values&... values) {
    Statement statement = prepare(sql);
    int index = 0;
    (statement.bind(++index, values), ...);
    return statement;
  }
  template <typename... Values>
  Status run(std::string_view sql, const Values&... values) {
    return query(sql, values...).run();
  }
  /// Several statements without values.
  Status execute(const std::string& sql);

  int64_t changes() const { return sqlite3_changes64(handle_); }
  int64_t last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }

  /// Runs `work` in a transaction that is committed durably when it succeeds and rolled back otherwise. Not nested.
  Status transaction(const std::function<Status()>& work);
  /// Runs `work` in a savepoint: its failure undoes only itself. Outside of a transaction it is one.
  Status savepoint(const std::function<Status()>& work);
  bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

  /// The connection's last failure.
  Error last_error(std::string_view doing) const;
  sqlite3* handle() { return handle_; }

 private:
  friend class Statement;
  explicit Database(sqlite3* handle) : handle_(handle) {}

  Statement prepare(std::string_view sql);
  void give_back(sqlite3_stmt* statement);

  sqlite3* handle_ = nullptr;
  /// SQLite ends a whole transaction by itself after some errors; then nothing may slip through outside of it.
  bool transaction_expected_ = false;
  std::unordered_map<std::string, std::vector<sqlite3_stmt*>> idle_;  ///< by SQL
};

}  // namespace rookery::storage::sqlite
