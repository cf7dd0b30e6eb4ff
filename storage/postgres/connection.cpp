#include "storage/postgres/connection.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace rookery::storage::postgres {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int binary = 1;
constexpr std::string_view read_only_transaction = "25006";

std::string trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  std::string line(text);
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  return line;
}

Failure failure_of(std::string_view sqlstate) {
  if (sqlstate == sqlstate_fenced) return Failure::fenced;
  if (sqlstate == "23505") return Failure::conflict;
  if (sqlstate == "23503") return Failure::not_found;
  if (sqlstate == "53100") return Failure::full;
  if (sqlstate == "42501") return Failure::denied;
  if (sqlstate.starts_with("22") || sqlstate.starts_with("23")) return Failure::invalid;
  return is_passing(sqlstate) ? Failure::unavailable : Failure::io;
}

}  // namespace

bool is_passing(std::string_view sqlstate) {
  if (sqlstate.empty() || sqlstate == read_only_transaction) return true;
  // Connections; rollbacks by deadlock; resources; an operator's intervention; the disk.
  for (const std::string_view kind : {"08", "40", "53", "55", "57", "58"}) {
    if (sqlstate.starts_with(kind)) return true;
  }
  return false;
}

Result<std::unique_ptr<Connection>> Connection::open(const PostgresOptions& options, std::string_view purpose) {
  std::string application = "rookery/" + options.node;
  application += purpose;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options.patience).count();
  const std::string connect_timeout =
      std::to_string(std::clamp<int64_t>(seconds, 2, 4));  // of one host; libpq takes no less than 2
  // "dbname" is expanded into what the connection string holds.
  // What stands before it are defaults, what stands behind it is ours alone.
  constexpr std::array keywords = {"target_session_attrs",
                                   "connect_timeout",
                                   "keepalives_idle",
                                   "keepalives_interval",
                                   "keepalives_count",
                                   "tcp_user_timeout",
                                   "dbname",
                                   "application_name",
                                   "client_encoding",
                                   static_cast<const char*>(nullptr)};
  const std::array<const char*, keywords.size()> values = {"read-write",
                                                           connect_timeout.c_str(),
                                                           "3",
                                                           "1",
                                                           "3",
                                                           "4000",
                                                           options.connection.c_str(),
                                                           application.c_str(),
                                                           "UTF8",
                                                           nullptr};
  PGconn* handle = PQconnectdbParams(keywords.data(), values.data(), 1);
  if (handle == nullptr) return fail(Failure::io, "cannot connect to PostgreSQL: out of memory");
  std::unique_ptr<Connection> connection(new Connection(handle, options.answer_limit));
  if (PQstatus(handle) != CONNECTION_OK)
    return fail(Failure::unavailable, "cannot connect to PostgreSQL: " + trimmed(PQerrorMessage(handle)));
  if (auto status = connection->set_up(); !status) return std::unexpected(status.error());
  return connection;
}

Connection::~Connection() { PQfinish(handle_); }

Status Connection::set_up() {
  PQsetNoticeProcessor(handle_, [](void*, const char*) {}, nullptr);
  if (PQserverVersion(handle_) < 150000) return fail(Failure::invalid, "PostgreSQL 15 or newer is needed");
  if (PQsetnonblocking(handle_, 1) != 0 || PQenterPipelineMode(handle_) != 1) {
    return fail(Failure::io, "cannot use PostgreSQL's pipeline mode: " + trimmed(PQerrorMessage(handle_)));
  }
  // REQUIREMENTS 18: a commit is on disk when it is answered. A session that is left in a transaction holds locks that
  // a shard's new owner waits for.
  send(
      "SELECT set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') "
      "THEN 'on'"
      " ELSE current_setting('synchronous_commit') END, false), set_config('plan_cache_mode', 'force_generic_plan', "
      "false),"
      " set_config('jit', 'off', false), set_config('idle_in_transaction_session_timeout', '20s', false),"
      " set_config('tcp_keepalives_idle', '3', false), set_config('tcp_keepalives_interval', '1', false),"
      " set_config('tcp_keepalives_count', '3', false), set_config('client_connection_check_interval', '2s', false),"
      " set_config('enable_seqscan', 'off', false),"
      " set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false)");
  Answer answer = sync();
  if (answer.error) return std::unexpected(*answer.error);
  return {};
}

void Connection::send(std::string_view sql, const Parameters& parameters) {
  const auto [known, is_new] = names_.try_emplace(std::string(sql));
  if (is_new) {
    known->second = "s" + std::to_string(++named_);
    const bool sent = !lost_ && PQsendPrepare(handle_, known->second.c_str(), known->first.c_str(), 0, nullptr) == 1;
    expect(sent, true, known->first);
  }
  const bool sent =
      !lost_ && PQsendQueryPrepared(handle_, known->second.c_str(), parameters.count(), parameters.values(),
                                    parameters.lengths(), parameters.formats(), binary) == 1;
  expect(sent, false, known->first);
}

void Connection::expect(bool sent, bool is_preparation, const std::string& sql) {
  expected_.push_back({is_preparation, sql});
  if (!sent && !lost_) lose(PQerrorMessage(handle_));
}

Answer Connection::sync() {
  Answer answer;
  const auto deadline = Clock::now() + answer_limit_;
  if (!lost_ && PQpipelineSync(handle_) != 1) lose(PQerrorMessage(handle_));
  for (size_t index = 0; !lost_;) {
    ResultPtr result = next_result(deadline);
    if (!result) continue;  // the end of one statement's results, or the connection was lost
    if (PQresultStatus(result.get()) == PGRES_PIPELINE_SYNC) break;
    if (index < expected_.size()) take(std::move(result), index++, answer);
  }
  expected_.clear();
  if (lost_) {
    answer.sqlstate.clear();
    answer.error = Error{Failure::unavailable, "the connection to PostgreSQL was lost: " + why_lost_};
  }
  return answer;
}

void Connection::take(ResultPtr result, size_t index, Answer& answer) {
  const Expected& expected = expected_[index];
  const auto status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
    if (!expected.is_preparation) answer.results.push_back(std::move(result));
    return;
  }
  if (expected.is_preparation) names_.erase(expected.sql);
  if (answer.error) return;  // skipped because of the first error
  const char* sqlstate = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
  answer.sqlstate = sqlstate ? sqlstate : "";
  answer.error = Error{failure_of(answer.sqlstate), "PostgreSQL: " + trimmed(PQresultErrorMessage(result.get()))};
  if (PQstatus(handle_) == CONNECTION_BAD || answer.sqlstate == read_only_transaction) {
    lose(answer.error->message);  // a demoted primary: another host takes writes, or will
  }
}

ResultPtr Connection::next_result(Clock::time_point deadline) {
  for (;;) {
    const int unsent = PQflush(handle_);
    if (unsent < 0) break;
    if (unsent == 0 && !PQisBusy(handle_)) {
      ResultPtr result(PQgetResult(handle_));
      if (!result && PQstatus(handle_) == CONNECTION_BAD) break;
      return result;
    }
    if (!wait_until_readable(deadline)) return nullptr;
    if (PQconsumeInput(handle_) != 1) break;
  }
  lose(PQerrorMessage(handle_));
  return nullptr;
}

bool Connection::wait_until_readable(Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) {
      lose("no answer in time");
      return false;
    }
    pollfd descriptor{.fd = PQsocket(handle_), .events = POLLIN, .revents = 0};
    if (PQflush(handle_) > 0) descriptor.events |= POLLOUT;
    const int ready = poll(&descriptor, 1, static_cast<int>(std::min<int64_t>(left, 1000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) {
      lose("cannot wait for an answer");
      return false;
    }
  }
}

void Connection::lose(std::string_view why) {
  lost_ = true;
  why_lost_ = trimmed(why);
}

Status Connection::execute_script(const std::string& sql) {
  ensure(expected_.empty());
  if (PQexitPipelineMode(handle_) != 1) return fail(Failure::io, "cannot leave PostgreSQL's pipeline mode");
  const ResultPtr result(PQexec(handle_, sql.c_str()));
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    const char* sqlstate = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
    return fail(failure_of(sqlstate ? sqlstate : ""), "PostgreSQL: " + trimmed(PQerrorMessage(handle_)));
  }
  if (PQenterPipelineMode(handle_) != 1) return fail(Failure::io, "cannot use PostgreSQL's pipeline mode");
  return {};
}

}  // namespace rookery::storage::postgres
