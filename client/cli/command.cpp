#include "client/cli/command.h"

#include <algorithm>
#include <array>

namespace rookery::cli {

namespace {

struct Known {
  std::string_view name;
  bool needs_jid;
  bool needs_text;
};
constexpr std::array known = {Known{"roster", false, false},      Known{"add", true, false},
                              Known{"accept", true, false},       Known{"remove", true, false},
                              Known{"msg", true, true},           Known{"correct", true, true},
                              Known{"send-file", true, true},     Known{"send-file-plain", true, true},
                              Known{"download", true, false},     Known{"retract", true, false},
                              Known{"plain", true, true},         Known{"devices", false, false},
                              Known{"fingerprint", false, false}, Known{"trust", true, true},
                              Known{"distrust", true, true},      Known{"verify", true, true},
                              Known{"history", true, false},      Known{"who", false, false},
                              Known{"presence", false, false},    Known{"chat", true, false},
                              Known{"reconnect", false, false},   Known{"help", false, false},
                              Known{"quit", false, false},        Known{"say", false, true}};

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

std::string_view take_word(std::string_view& text) {
  const size_t end = std::min(text.find(' '), text.size());
  const auto word = text.substr(0, end);
  text = trim(text.substr(end));
  return word;
}

}  // namespace

Result<Command> parse_command(std::string_view line) {
  line = trim(line);
  if (line.empty()) return fail(Failure::invalid, "an empty line");
  if (line.front() != '/') return Command{"say", "", std::string(line)};
  line.remove_prefix(1);
  // "//" begins a message whose first character is a slash.
  if (line.starts_with('/')) return Command{"say", "", std::string(line)};
  Command command;
  command.name = take_word(line);
  const auto found = std::ranges::find(known, std::string_view(command.name), &Known::name);
  if (found == known.end() || found->name == "say")
    return fail(Failure::invalid, "there is no /" + command.name + "; see /help");
  const bool takes_words_only = command.name == "presence";
  if (!takes_words_only) command.jid = take_word(line);
  command.text = line;
  if (found->needs_jid && command.jid.empty()) return fail(Failure::invalid, "/" + command.name + " needs an address");
  if (found->needs_text && command.text.empty())
    return fail(Failure::invalid, "/" + command.name + " needs something after the address; see /help");
  return command;
}

std::string_view command_help() {
  return R"(/msg JID TEXT        send; encrypted if the contact has OMEMO devices
/plain JID TEXT      send without encryption
/correct JID TEXT    put TEXT in place of your last message to JID
/retract JID         take your last message to JID back
/send-file JID PATH  send a file, encrypted like a message; /send-file-plain: not encrypted
/download JID [N]    save the last file that JID sent, or the Nth last
/chat JID            lines without a slash go to JID from now on
/history JID [N]     the last N messages (20)
/roster              your contacts            /who      who of them is online
/add JID             add a contact and ask to see their presence
/accept JID          let a contact see your presence
/remove JID          remove a contact
/devices [JID]       the OMEMO devices of a contact, or your own
/fingerprint [JID]   the same; compare fingerprints by another way, then
/verify JID FP       mark a device as verified (FP: fingerprint or device number)
/trust JID FP        write to a device without having verified it
/distrust JID FP     never write to a device
/presence [away|chat|dnd|xa|online] [TEXT]
/reconnect           drop the connection and take it up again
/quit)";
}

}  // namespace rookery::cli
