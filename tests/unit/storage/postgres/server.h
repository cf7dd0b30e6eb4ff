// A private PostgreSQL for tests: in a temporary folder, on a unix socket, started once for a test program.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "storage/postgres.h"
#include "tests/unit/storage/temporary_folder.h"

namespace rookery::storage::postgres {

class TestServer {
 public:
  /// Whether Debian's server programs are here.
  static bool is_installed();
  /// The one that all tests share; ends with the program.
  static TestServer& shared();

  explicit TestServer(int port);
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  void start();
  void kill();  ///< SIGKILL to all of its processes; waits for their end
  int port() const { return port_; }
  pid_t pid() const { return pid_; }

  std::string connection(std::string_view database) const;
  /// A fresh database with our schema.
  PostgresOptions make_database(const std::string& name);
  /// One that make_database() has made: its options.
  PostgresOptions options(const std::string& name) const;
  void execute(const std::string& database, const std::string& sql);

 private:
  bool answers() const;
  void end(int signal);

  TemporaryFolder folder_;
  int port_;
  pid_t pid_ = -1;
  bool has_template_ = false;
};

/// The database that belongs to a test's folder: the same over openings.
PostgresOptions database_of(const std::filesystem::path& folder);

}  // namespace rookery::storage::postgres
