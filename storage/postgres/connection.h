// A small hold on libpq: one connection in pipeline mode, prepared statements only (REQUIREMENTS 27).
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "crypto/result.h"
#include "storage/postgres.h"
#include "storage/postgres/parameters.h"

namespace rookery::storage::postgres {

struct ResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, ResultDeleter>;

/// What came back for everything that was sent since the last sync().
struct Answer {
  std::vector<ResultPtr> results;  ///< one for each send(), as far as they went well
  std::optional<Error> error;      ///< of the first that did not; those behind it were skipped
  std::string sqlstate;            ///< of the error; empty when the connection was lost
};

/// Our own conditions, raised by functions of the schema.
inline constexpr std::string_view sqlstate_fenced = "RK001", sqlstate_written_before = "RK002";
/// What is visible may be on this server's disk alone: where a session has ended, or the server crashed, while a commit
/// waited for the synchronous standby. This writes something into the WAL, so its own commit waits until they have all
/// that was before.
inline constexpr std::string_view wait_for_standbys = "SELECT pg_logical_emit_message(true, 'rookery', '')";
/// The database cannot take this now, but may later: the same again is worth trying.
bool is_passing(std::string_view sqlstate);

/// Once lost() a connection stays lost; whoever holds it opens another one. Used by one thread at a time.
class Connection {
 public:
  /// Connects to the first host that takes writes. `purpose` tells the sessions of a node apart in pg_stat_activity.
  static Result<std::unique_ptr<Connection>> open(const PostgresOptions& options, std::string_view purpose);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Queues one statement; `sql` is prepared when it is used for the first time.
  void send(std::string_view sql, const Parameters& parameters = Parameters());
  /// Sends the rest and waits for the answers, at most as long as the options allow.
  Answer sync();
  bool lost() const { return lost_; }

  /// Several statements without values, outside of the pipeline: for migrations.
  Status execute_script(const std::string& sql);

 private:
  Connection(PGconn* handle, std::chrono::milliseconds answer_limit) : handle_(handle), answer_limit_(answer_limit) {}

  Status set_up();
  void expect(bool sent, bool is_preparation, const std::string& name);
  bool wait_until_readable(std::chrono::steady_clock::time_point deadline);
  ResultPtr next_result(std::chrono::steady_clock::time_point deadline);
  void take(ResultPtr result, size_t index, Answer& answer);
  void lose(std::string_view why);

  struct Expected {
    bool is_preparation = false;
    std::string sql;
  };

  PGconn* handle_;
  const std::chrono::milliseconds answer_limit_;
  bool lost_ = false;
  std::string why_lost_;
  std::vector<Expected> expected_;
  std::unordered_map<std::string, std::string> names_;  ///< of prepared statements, by SQL
  size_t named_ = 0;
};

}  // namespace rookery::storage::postgres
