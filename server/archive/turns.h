// Archive queries of one asker run one after the other, so that nobody's queue is what the others wait behind.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "server/loop.h"
#include "xmpp/jid.h"

namespace rookery::server {

/// Of one loop, and used there only.
class ArchiveTurns {
 public:
  /// While it lives its asker has no other query under way.
  class Turn;
  using TurnPtr = std::shared_ptr<Turn>;
  using Query = std::move_only_function<void(TurnPtr)>;

  static constexpr size_t most_waiting =
      200;  ///< of one asker: a client asks its own archive and those of its rooms at once

  /// Of the calling loop.
  static ArchiveTurns& here();

  /// Runs `query` now, or when those that the same account has begun before are done; it keeps its turn until the
  /// answer has been sent. False: too many wait already, and it will not run.
  bool ask(const xmpp::Jid& asker, Query query);

 private:
  struct Asker {
    std::deque<Query> waiting;
  };
  void done(const std::string& asker);

  std::unordered_map<std::string, Asker> askers_;  ///< who has a query under way
};

}  // namespace rookery::server
