// Log lines: one event, then key=value; never a password, a token or a body.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace rookery::server::log {

using Field = std::pair<std::string_view, std::string>;

/// How many warnings and errors there were, whatever is shown.
struct Counts {
  uint64_t warnings = 0, errors = 0;
};
Counts counts();

void set_level(std::string_view level);  ///< "debug", "info", "warning", "error"
void debug(std::string_view event, std::initializer_list<Field> fields = {});
void info(std::string_view event, std::initializer_list<Field> fields = {});
void warning(std::string_view event, std::initializer_list<Field> fields = {});
void error(std::string_view event, std::initializer_list<Field> fields = {});

}  // namespace rookery::server::log
