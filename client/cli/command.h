// One line of input: "/msg juliet@example.org Hello", or {"command":"msg","jid":"juliet@example.org","text":"Hello"}.
#pragma once

#include <string>
#include <string_view>

#include "crypto/result.h"

namespace rookery::cli {

struct Command {
  std::string name;  ///< without the slash; "say" for a line that is no command
  std::string jid;   ///< the first word after the name
  std::string text;  ///< everything behind it, or behind the name for commands without an address
};

/// Failure::invalid says what is wrong with the line.
Result<Command> parse_command(std::string_view line);
/// The same from an object with "command", "jid" and "text".
Result<Command> parse_json_command(std::string_view line);

std::string_view command_help();

}  // namespace rookery::cli
