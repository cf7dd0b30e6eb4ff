// XEP-0050: the runs of commands that wait for their next form.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "server/command.h"
#include "server/loop.h"

namespace rookery::server {

struct CommandRun {
  const Command* command = nullptr;
  std::shared_ptr<CommandCall> call;
};

/// Those that were begun on one loop. A client's requests come on the loop of its home, so no other looks for them.
class CommandRuns {
 public:
  static constexpr auto lifetime = std::chrono::minutes(15);
  static constexpr auto remembered = std::chrono::hours(1);  ///< beyond that: what was answered is forgotten at once
  static constexpr size_t most_of_one = 8, most = 1000;

  enum class Missing { unknown, expired };

  /// False: the account, or all, have too many already.
  bool add(const std::string& id, CommandRun run, Clock::time_point now);
  /// Takes the run out, so that a second request cannot meet it half done. A session is its client's own.
  std::expected<CommandRun, Missing> take(const std::string& id, const xmpp::Jid& from, std::string_view node,
                                          Clock::time_point now);

 private:
  struct Entry {
    CommandRun run;  ///< its call is null once it has expired
    xmpp::Jid from;
    Clock::time_point expires;
  };
  void expire(Clock::time_point now);

  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace rookery::server
