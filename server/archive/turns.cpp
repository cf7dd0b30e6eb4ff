#include "server/archive/turns.h"

#include <utility>

namespace rookery::server {

class ArchiveTurns::Turn {
 public:
  Turn(ArchiveTurns& turns, std::string asker) : turns_(turns), asker_(std::move(asker)) {}
  ~Turn() {
    // What a loop that has ended still held goes with it.
    if (&turns_ == &here()) turns_.done(asker_);
  }
  Turn(const Turn&) = delete;

 private:
  ArchiveTurns& turns_;
  const std::string asker_;
};

ArchiveTurns& ArchiveTurns::here() {
  static thread_local ArchiveTurns turns;
  return turns;
}

bool ArchiveTurns::ask(const xmpp::Jid& asker, Query query) {
  const std::string key(asker.bare_text());
  const auto [known, is_first] = askers_.try_emplace(key);
  if (is_first) {
    query(std::make_shared<Turn>(*this, key));
    return true;
  }
  if (known->second.waiting.size() >= most_waiting) return false;
  known->second.waiting.push_back(std::move(query));
  return true;
}

void ArchiveTurns::done(const std::string& asker) {
  const auto found = askers_.find(asker);
  if (found == askers_.end()) return;
  if (found->second.waiting.empty()) {
    askers_.erase(found);
    return;
  }
  Query next = std::move(found->second.waiting.front());
  found->second.waiting.pop_front();
  next(std::make_shared<Turn>(*this, asker));
}

}  // namespace rookery::server
