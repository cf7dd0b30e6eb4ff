// A copy of a database that is in use (sqlite.org/backup.html).
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "storage/embedded.h"

namespace rookery::storage {

namespace {

using Handle = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;

Handle open(const std::filesystem::path& file, int flags) {
  sqlite3* handle = nullptr;
  sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
  return {handle, sqlite3_close};
}

std::unexpected<Error> failed(sqlite3* handle) {
  const Failure failure = sqlite3_errcode(handle) == SQLITE_FULL ? Failure::full : Failure::io;
  return fail(failure, std::string("cannot copy the database: ") + sqlite3_errmsg(handle));
}

}  // namespace

Status copy_sqlite(const std::filesystem::path& file, const std::filesystem::path& copy) {
  const int made = ::open(copy.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (made < 0) return fail(Failure::io, "cannot create " + copy.string() + ": " + std::strerror(errno));
  close(made);
  // A connection of its own: in WAL mode it reads one moment of the database and stops no writer.
  const Handle from = open(file, SQLITE_OPEN_READONLY);
  const Handle to = open(copy, SQLITE_OPEN_READWRITE);
  if (sqlite3_errcode(from.get()) != SQLITE_OK) return failed(from.get());
  if (sqlite3_errcode(to.get()) != SQLITE_OK) return failed(to.get());
  sqlite3_backup* backup = sqlite3_backup_init(to.get(), "main", from.get(), "main");
  if (backup == nullptr) return failed(to.get());
  constexpr int all_pages = -1;
  const int stepped = sqlite3_backup_step(backup, all_pages);
  const int finished = sqlite3_backup_finish(backup);
  if (stepped != SQLITE_DONE || finished != SQLITE_OK) return failed(to.get());
  return {};
}

}  // namespace rookery::storage
