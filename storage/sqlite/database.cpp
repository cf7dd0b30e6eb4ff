#include "storage/sqlite/database.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace rookery::storage::sqlite {

namespace {

constexpr int busy_timeout_milliseconds = 5000;

Failure failure_of(int extended_code) {
  if (extended_code == SQLITE_CONSTRAINT_FOREIGNKEY) return Failure::not_found;
  switch (extended_code & 0xff) {
    case SQLITE_FULL:
      return Failure::full;
    case SQLITE_CONSTRAINT:
      return Failure::conflict;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Failure::unavailable;
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Failure::denied;
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
      return Failure::invalid;
    default:
      return Failure::io;
  }
}

/// Creates the file with the right mode before SQLite would with the umask's; WAL and index take over its mode.
Status make_private(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  const bool done = descriptor >= 0 && ::fchmod(descriptor, S_IRUSR | S_IWUSR) == 0;
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (done) return {};
  const Failure failure = error == ENOSPC ? Failure::full : error == EACCES ? Failure::denied : Failure::io;
  return fail(failure, "cannot open " + file.string() + ": " + std::generic_category().message(error));
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_), handle_(std::exchange(other.handle_, nullptr)), error_(std::move(other.error_)) {}

Statement::~Statement() {
  if (handle_) database_->give_back(handle_);
}

bool Statement::next() {
  if (error_ || !handle_) return false;
  if (database_->transaction_expected_ && !database_->in_transaction()) {
    error_ = Error{Failure::io, "the transaction was rolled back by SQLite after an error"};
    return false;
  }
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) error_ = database_->last_error("cannot execute a statement");
  return false;
}

Status Statement::status() const {
  if (error_) return std::unexpected(*error_);
  return {};
}

Status Statement::run() {
  while (next()) {
  }
  return status();
}

std::string_view Statement::view(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(handle_, column));
  return {bytes, bytes ? static_cast<size_t>(sqlite3_column_bytes(handle_, column)) : 0};
}

int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_, column); }
double Statement::real(int column) const { return sqlite3_column_double(handle_, column); }
bool Statement::is_null(int column) const { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }

// The values outlive the execution (Database's promise asked of callers), so SQLite need not copy them. An empty view
// may have no address, which SQLite would take for NULL.
void Statement::bind(int index, std::string_view text) {
  if (!handle_) return;
  check_bound(
      sqlite3_bind_text64(handle_, index, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::bind(int index, Blob blob) {
  if (!handle_) return;
  const char* bytes = blob.bytes.empty() ? "" : blob.bytes.data();
  check_bound(sqlite3_bind_blob64(handle_, index, bytes, blob.bytes.size(), SQLITE_STATIC));
}

void Statement::bind(int index, double number) {
  if (handle_) check_bound(sqlite3_bind_double(handle_, index, number));
}

void Statement::bind(int index, std::nullptr_t) {
  if (handle_) check_bound(sqlite3_bind_null(handle_, index));
}

void Statement::bind_integer(int index, int64_t number) {
  if (handle_) check_bound(sqlite3_bind_int64(handle_, index, number));
}

void Statement::check_bound(int code) {
  if (code != SQLITE_OK && !error_) error_ = database_->last_error("cannot bind a value");
}

Result<Database> Database::open(const std::filesystem::path& file) {
  if (auto status = make_private(file); !status) return std::unexpected(status.error());
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(handle);
  if (code != SQLITE_OK) return std::unexpected(database.last_error("cannot open " + file.string()));
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, busy_timeout_milliseconds);
  auto status = database.execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;");
  if (!status) return fail(status.error().failure, file.string() + ": " + status.error().message);
  return database;
}

Database::Database(Database&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      transaction_expected_(other.transaction_expected_),
      idle_(std::move(other.idle_)) {}

Database::~Database() {
  for (auto& [sql, statements] : idle_) {
    for (sqlite3_stmt* statement : statements) sqlite3_finalize(statement);
  }
  sqlite3_close(handle_);
}

Status Database::migrate(std::span<const Migration> migrations) {
  auto version = query("PRAGMA user_version");
  const int64_t present = version.next() ? version.integer(0) : 0;
  if (auto status = version.run(); !status) return status;
  const int64_t known = migrations.empty() ? 0 : migrations.back().number;
  if (present > known) {
    return fail(Failure::invalid, "the database has schema version " + std::to_string(present) +
                                      ", this program knows only " + std::to_string(known) +
                                      ": it was used by a newer version of the program");
  }
  if (present == known) return {};
  return transaction([&]() -> Status {
    for (const Migration& migration : migrations) {
      if (migration.number <= present) continue;
      if (auto status = execute(std::string(migration.sql)); !status) return status;
    }
    return execute("PRAGMA user_version = " + std::to_string(known));
  });
}

Status Database::execute(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return std::unexpected(last_error("cannot execute a statement"));
}

Status Database::transaction(const std::function<Status()>& work) {
  ensure(!in_transaction());
  if (auto status = execute("BEGIN IMMEDIATE"); !status) return status;
  transaction_expected_ = true;
  struct Ending {  // also when `work` throws
    Database& database;
    ~Ending() {
      database.transaction_expected_ = false;
      if (database.in_transaction()) (void)database.execute("ROLLBACK");
    }
  } ending{*this};
  if (auto status = work(); !status) return status;
  if (!in_transaction()) return fail(Failure::io, "the transaction was rolled back by SQLite after an error");
  return execute("COMMIT");
}

Status Database::savepoint(const std::function<Status()>& work) {
  if (transaction_expected_ && !in_transaction()) {
    return fail(Failure::io, "the transaction was rolled back by SQLite after an error");
  }
  if (auto status = execute("SAVEPOINT step"); !status) return status;
  struct Ending {
    Database& database;
    bool keep = false;
    ~Ending() {
      if (!keep && database.in_transaction()) (void)database.execute("ROLLBACK TO step; RELEASE step");
    }
  } ending{*this};
  if (auto status = work(); !status) return status;
  // An outermost RELEASE is a commit and can fail like one; then the rest is rolled back.
  auto status = execute("RELEASE step");
  ending.keep = status.has_value();
  return status;
}

Error Database::last_error(std::string_view doing) const {
  if (!handle_) return {Failure::io, std::string(doing) + ": out of memory"};
  return {failure_of(sqlite3_extended_errcode(handle_)), std::string(doing) + ": " + sqlite3_errmsg(handle_)};
}

Statement Database::prepare(std::string_view sql) {
  if (const auto found = idle_.find(std::string(sql)); found != idle_.end() && !found->second.empty()) {
    sqlite3_stmt* statement = found->second.back();
    found->second.pop_back();
    return {*this, statement};
  }
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
  if (code != SQLITE_OK) return Statement(last_error("cannot prepare a statement"));
  return {*this, statement};
}

void Database::give_back(sqlite3_stmt* statement) {
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  idle_[sqlite3_sql(statement)].push_back(statement);
}

}  // namespace rookery::storage::sqlite
