#include "server/command_runs.h"

#include <algorithm>

namespace rookery::server {

void CommandRuns::expire(Clock::time_point now) {
  for (auto& [id, entry] : entries_) {
    if (entry.expires <= now) entry.run.call.reset();  // a password may be in it
  }
  std::erase_if(entries_, [&](const auto& each) { return each.second.expires + remembered <= now; });
}

bool CommandRuns::add(const std::string& id, CommandRun run, Clock::time_point now) {
  expire(now);
  const auto alive = [](const auto& each) { return each.second.run.call != nullptr; };
  const auto own = [&](const auto& each) { return alive(each) && each.second.from.same_bare(run.call->from); };
  if (std::ranges::count_if(entries_, alive) >= static_cast<ptrdiff_t>(most)) return false;
  if (std::ranges::count_if(entries_, own) >= static_cast<ptrdiff_t>(most_of_one)) return false;
  // What is only remembered gives way.
  if (entries_.size() >= 2 * most) std::erase_if(entries_, [&](const auto& each) { return !alive(each); });
  xmpp::Jid from = run.call->from;
  entries_.insert_or_assign(id, Entry{.run = std::move(run), .from = std::move(from), .expires = now + lifetime});
  return true;
}

std::expected<CommandRun, CommandRuns::Missing> CommandRuns::take(const std::string& id, const xmpp::Jid& from,
                                                                  std::string_view node, Clock::time_point now) {
  expire(now);
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.from != from || found->second.run.command->node != node)
    return std::unexpected(Missing::unknown);
  CommandRun run = std::move(found->second.run);
  entries_.erase(found);
  if (run.call == nullptr) return std::unexpected(Missing::expired);
  return run;
}

}  // namespace rookery::server
