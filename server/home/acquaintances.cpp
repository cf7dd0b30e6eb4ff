#include "server/home/acquaintances.h"

#include <algorithm>

namespace rookery::server {

size_t Acquaintances::added_after(Time then) const {
  return static_cast<size_t>(std::ranges::count_if(since_, [then](const auto& known) { return known.second > then; }));
}

std::optional<std::string> Acquaintances::add(std::string bare_jid, Time when) {
  since_.try_emplace(std::move(bare_jid), when);
  if (since_.size() <= most) return std::nullopt;
  // The newest must stay: they are the budget.
  const auto oldest = std::ranges::min_element(since_, {}, [](const auto& known) { return known.second; });
  std::string forgotten = oldest->first;
  since_.erase(oldest);
  return forgotten;
}

}  // namespace rookery::server
