#include "tests/unit/storage/postgres/server.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <set>
#include <thread>
#include <vector>

namespace rookery::storage::postgres {

namespace {

const std::string programs = "/usr/lib/postgresql/15/bin/";

/// PostgreSQL does not run as root: Debian's user does it then.
const passwd* other_user() { return getuid() == 0 ? getpwnam("postgres") : nullptr; }

pid_t spawn(std::vector<std::string> words, const std::string& log) {
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const passwd* user = other_user();
  const pid_t child = fork();
  if (child != 0) return child;
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  setpgid(0, 0);
  if (user != nullptr && (setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) _exit(126);
  prctl(PR_SET_PDEATHSIG, SIGQUIT);  // does not outlive a test program that crashes
  if (chdir("/") != 0) _exit(126);
  execv(arguments[0], arguments.data());
  _exit(127);
}

/// Zombies that nobody has waited for yet do not count.
bool is_running(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return false;
  const auto behind_name = line.rfind(')');
  return behind_name != std::string::npos && line.substr(behind_name).find('Z') == std::string::npos;
}

void execute_on(const std::string& connection, const std::string& sql) {
  PGconn* handle = PQconnectdb(connection.c_str());
  PGresult* result = PQexec(handle, sql.c_str());
  const auto status = PQresultStatus(result);
  const std::string message = PQerrorMessage(handle);
  PQclear(result);
  PQfinish(handle);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) throw std::runtime_error(sql + ": " + message);
}

}  // namespace

bool TestServer::is_installed() { return access((programs + "initdb").c_str(), X_OK) == 0; }

TestServer& TestServer::shared() {
  static TestServer server(5432);
  return server;
}

TestServer::TestServer(int port) : port_(port) {
  if (const passwd* user = other_user()) ensure(chown(folder_.path().c_str(), user->pw_uid, user->pw_gid) == 0);
  const pid_t made = spawn({programs + "initdb", "-D", (folder_.path() / "data").string(), "-U", "rookery", "-A",
                            "trust", "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"},
                           folder_.path() / "initdb.log");
  int status = 0;
  ensure(waitpid(made, &status, 0) == made && status == 0);
  start();
}

TestServer::~TestServer() {
  if (pid_ > 0) end(SIGQUIT);
}

void TestServer::start() {
  // A socket in the folder and no network: the port is only a part of the socket's name. Without fsync tests are quick;
  // what survives a kill of the processes does not need it.
  pid_ = spawn({programs + "postgres", "-D", (folder_.path() / "data").string(), "-k", folder_.path().string(), "-p",
                std::to_string(port_), "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60", "-c",
                "shared_buffers=64MB", "-c", "max_prepared_transactions=0"},
               folder_.path() / "postgres.log");
  for (int tries = 0; !answers(); ++tries) {
    ensure(tries < 1000 && waitpid(pid_, nullptr, WNOHANG) == 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

bool TestServer::answers() const { return PQping(connection("postgres").c_str()) == PQPING_OK; }

void TestServer::kill() {
  // Its sessions are children of the postmaster. As long as one lives it holds the shared memory, and no new server
  // starts.
  std::vector<pid_t> sessions;
  const std::string task = "/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) + "/children";
  std::ifstream children(task);
  for (pid_t child = 0; children >> child;) sessions.push_back(child);
  for (const pid_t pid : sessions) ::kill(pid, SIGKILL);
  end(SIGKILL);
  for (const pid_t pid : sessions) {
    while (is_running(pid)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void TestServer::end(int signal) {
  ::kill(pid_, signal);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string TestServer::connection(std::string_view database) const {
  return "host=" + folder_.path().string() + " port=" + std::to_string(port_) +
         " user=rookery dbname=" + std::string(database);
}

PostgresOptions TestServer::options(const std::string& name) const {
  return {.connection = connection(name), .node = {}};
}

PostgresOptions TestServer::make_database(const std::string& name) {
  if (!has_template_) {
    execute("postgres", "CREATE DATABASE made");
    ensure(migrate_postgres(options("made")).has_value());
    has_template_ = true;
  }
  execute("postgres", "CREATE DATABASE \"" + name + "\" TEMPLATE made");
  return options(name);
}

void TestServer::execute(const std::string& database, const std::string& sql) { execute_on(connection(database), sql); }

PostgresOptions database_of(const std::filesystem::path& folder) {
  static std::set<std::string> made;
  const std::string name = folder.filename().string();
  if (!made.insert(name).second) return TestServer::shared().options(name);
  return TestServer::shared().make_database(name);
}

}  // namespace rookery::storage::postgres
