#include "server/metrics/process.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace rookery::server {

namespace {

constexpr double microseconds = 1e6, nanoseconds = 1e9;

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / microseconds;
}

uint64_t count_open_files() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  uint64_t count = 0;
  while (const dirent* entry = readdir(folder)) count += entry->d_name[0] != '.' ? 1 : 0;
  closedir(folder);
  return count > 0 ? count - 1 : 0;  // without our own look at it
}

/// The fields of /proc/self/stat behind the program's name, which may hold spaces: [0] is the state, number 3 of
/// proc(5).
std::vector<std::string> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  std::istringstream rest(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  return {std::istream_iterator<std::string>(rest), {}};
}

double seconds_by(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / nanoseconds;
}

/// Not from /proc/stat, which the unit hides (ProcSubset=pid).
double boot_time() { return seconds_by(CLOCK_REALTIME) - seconds_by(CLOCK_BOOTTIME); }

}  // namespace

ProcessFigures read_process() {
  ProcessFigures figures;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) figures.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) figures.most_files = files.rlim_cur;
  figures.open_files = count_open_files();
  const auto fields = stat_fields();
  constexpr size_t threads = 17, start = 19, virtual_bytes = 20, resident_pages = 21;  // proc(5): 20, 22, 23, 24
  if (fields.size() <= resident_pages) return figures;
  figures.threads = std::stoull(fields[threads]);
  figures.virtual_bytes = std::stoull(fields[virtual_bytes]);
  figures.resident_bytes = std::stoull(fields[resident_pages]) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  figures.start_time = boot_time() + std::stod(fields[start]) / static_cast<double>(sysconf(_SC_CLK_TCK));
  return figures;
}

}  // namespace rookery::server
