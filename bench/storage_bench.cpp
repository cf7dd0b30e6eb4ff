// What a message costs in the message log: CPU of all threads (flush and compaction included) and rows a second.
// A message is two archive entries of 400 bytes, a key to recognise it by and a session's counter.
//   bench_storage [FOLDER] [MESSAGES] [MESSAGES OF A COMMIT]
//   bench_storage "host=… dbname=…" [MESSAGES] [MESSAGES OF A COMMIT]     an empty PostgreSQL database; ours is the CPU
//   shown
#include <sys/resource.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>

#include "storage/embedded.h"
#include "storage/postgres.h"

namespace {

using namespace rookery;
using namespace rookery::storage;

constexpr size_t owners = 10'000, xml_bytes = 400, rows_of_message = 4;
constexpr size_t in_flight = 4;  ///< commits that wait at a time, as several event loops would have

double cpu_microseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto total = [](const timeval& t) {
    return 1e6 * static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec);
  };
  return total(usage.ru_utime) + total(usage.ru_stime);
}

double resident_megabytes() {
  std::ifstream file("/proc/self/statm");
  double size = 0, resident = 0;
  file >> size >> resident;
  return resident * 4096 / 1e6;
}

class Traffic {
 public:
  LogBatch batch(size_t messages) {
    LogBatch batch;
    batch.entries.reserve(2 * messages);
    for (size_t i = 0; i < messages; ++i) {
      const std::string from = owner(), to = owner();
      ++id_;
      for (char& c : xml_) c = c == 'z' ? 'a' : static_cast<char>(c + 1);
      batch.entries.push_back({from, id_, LogEntry::archived | LogEntry::outgoing, to, xml_});
      batch.entries.push_back({to, id_, LogEntry::archived | LogEntry::inbox, from, xml_});
      batch.seen.push_back({from, key()});
      batch.counters.push_back({from, "session-1234567", static_cast<uint32_t>(id_)});
    }
    return batch;
  }

 private:
  std::string owner() { return "user" + std::to_string(random_() % owners) + "@example.com"; }
  std::string key() {
    const uint64_t halves[] = {random_(), random_()};
    return {reinterpret_cast<const char*>(halves), sizeof(halves)};
  }

  std::mt19937_64 random_{1};
  LogId id_ = 1'700'000'000'000'000;
  std::string xml_ = std::string(xml_bytes, 'k');
};

double cost_of_making(size_t messages, size_t each) {
  Traffic traffic;
  const double before = cpu_microseconds();
  for (size_t sent = 0; sent < messages; sent += each) (void)traffic.batch(each);
  return (cpu_microseconds() - before) / static_cast<double>(messages);
}

bool is_connection(const std::string& where) { return where.find('=') != std::string::npos; }

Result<std::unique_ptr<MessageLog>> open_log(const std::string& where) {
  if (!is_connection(where)) {
    std::filesystem::remove_all(where);
    return open_rocksdb(where);
  }
  const PostgresOptions options{.connection = where, .node = {}};
  if (auto status = migrate_postgres(options); !status) return std::unexpected(status.error());
  return open_postgres_log(options);
}

void measure(const std::string& where, size_t messages, size_t each) {
  auto log = open_log(where);
  if (!log) {
    std::fprintf(stderr, "%s\n", log.error().message.c_str());
    std::exit(1);
  }
  const double idle_megabytes = resident_megabytes();
  Traffic traffic;
  std::mutex mutex;
  std::condition_variable room;
  size_t waiting = 0;
  const double cpu = cpu_microseconds();
  const auto begin = std::chrono::steady_clock::now();
  for (size_t sent = 0; sent < messages; sent += each) {
    LogBatch batch = traffic.batch(each);
    {
      std::unique_lock lock(mutex);
      room.wait(lock, [&] { return waiting < in_flight; });
      ++waiting;
    }
    (*log)->commit(std::move(batch), [&](const Status&) {
      const std::lock_guard lock(mutex);
      --waiting;
      room.notify_one();
    });
  }
  {
    std::unique_lock lock(mutex);
    room.wait(lock, [&] { return waiting == 0; });
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  const double full_megabytes = resident_megabytes();
  log->reset();  // waits for flushes and compactions that are under way
  const auto count = static_cast<double>(messages);
  const double spent = (cpu_microseconds() - cpu) / count - cost_of_making(messages, each);
  std::printf(
      "%4zu messages a commit: %8.0f rows/s  %6.2f us CPU/message  %5.2f us CPU/row  RSS %.0f MB open, %.0f MB after\n",
      each, rows_of_message * count / wall.count(), spent, spent / rows_of_message, idle_megabytes, full_megabytes);
  if (!is_connection(where)) std::filesystem::remove_all(where);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string where = argc > 1 ? argv[1] : std::filesystem::temp_directory_path() / "rookery-bench-log";
  const size_t messages = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 400'000;
  if (argc > 3) {
    measure(where, messages, std::strtoul(argv[3], nullptr, 10));
    return 0;
  }
  for (const size_t each : {1, 10, 100, 200})
    measure(where, each == 1 ? messages / 20 : each == 10 ? messages / 4 : messages, each);
}
