#include "server/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>

namespace rookery::server::log {

namespace {

std::atomic<uint64_t> warnings{0}, errors{0};

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = spdlog::stderr_logger_mt("rookeryd");
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    made->flush_on(spdlog::level::info);
    return made;
  }();
  return *instance;
}

// Values with spaces or quotes are quoted; control characters cannot forge a second line.
void append_value(std::string& out, std::string_view value) {
  const bool plain = !value.empty() && value.find_first_of(" \"=\\") == std::string_view::npos;
  if (!plain) out += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  if (!plain) out += '"';
}

void write(spdlog::level::level_enum level, std::string_view event, std::initializer_list<Field> fields) {
  if (!logger().should_log(level)) return;
  std::string line = "event=";
  line += event;
  for (const auto& [key, value] : fields) {
    line += ' ';
    line += key;
    line += '=';
    append_value(line, value);
  }
  logger().log(level, "{}", line);
}

}  // namespace

void set_level(std::string_view level) {
  logger().set_level(level == "warning" ? spdlog::level::warn : spdlog::level::from_str(std::string(level)));
}
void debug(std::string_view event, std::initializer_list<Field> fields) { write(spdlog::level::debug, event, fields); }
void info(std::string_view event, std::initializer_list<Field> fields) { write(spdlog::level::info, event, fields); }
void warning(std::string_view event, std::initializer_list<Field> fields) {
  ++warnings;
  write(spdlog::level::warn, event, fields);
}
void error(std::string_view event, std::initializer_list<Field> fields) {
  ++errors;
  write(spdlog::level::err, event, fields);
}
Counts counts() { return {.warnings = warnings, .errors = errors}; }

}  // namespace rookery::server::log
