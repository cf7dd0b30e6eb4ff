// Log lines: one event, then key=value; never a password, a token or a body.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace rookery::server::log {

using Field = std::pair<std::string_view, std::string>;

void set_level(std::string_view level);  ///< "debug", "info", "warning", "error"
void debug(std::string_view event, std::initializer_list<Field> fields = {});
void info(std::string_view event, std::initializer_list<Field> fields = {});
void warning(std::string_view event, std::initializer_list<Field> fields = {});
void error(std::string_view event, std::initializer_list<Field> fields = {});

}  // namespace rookery::server::log
