// Pauses that grow with failed logins (REQUIREMENTS 14). Shared by all loops.
#pragma once

#include <list>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/loop.h"
#include "xmpp/jid.h"

namespace rookery::server {

/// After a failure the answer waits, and so does the next attempt that begins meanwhile: first, twice that, four times
/// … up to a bound. Nobody is ever refused, so nobody can lock an account for its owner:
///   - an account from one network waits from its first failure on, up to `most`;
///   - a network (IPv4 address, IPv6 /64) that fails for many accounts waits likewise from its 11th failure on;
///   - an account that many networks fail for waits from its 11th failure on, but its owner waits an eighth of `most`
///   at most.
/// What is remembered is bounded, in time by `memory`, in size by `entries`; names are kept as digests.
class AuthBackoff {
 public:
  struct Settings {
    Clock::duration first = std::chrono::milliseconds(500);
    Clock::duration most = std::chrono::seconds(15);
    Clock::duration memory = std::chrono::minutes(15);  ///< since the last failure
    size_t entries = 64 * 1024;
  };

  explicit AuthBackoff(Settings settings) : settings_(settings) {}

  /// How long an attempt that begins now has to wait before anything is looked up for it.
  Clock::duration pause(const xmpp::Jid& account, const std::string& ip, Clock::time_point now);
  /// Counts a failure; how long its answer has to wait.
  Clock::duration failed(const xmpp::Jid& account, const std::string& ip, Clock::time_point now);
  /// The account's own network starts afresh. Others do not: whoever has one account could guess at all the rest.
  void succeeded(const xmpp::Jid& account, const std::string& ip);
  size_t size() const;  ///< entries in memory

 private:
  struct Entry {
    std::string key;
    unsigned failures = 0;
    Clock::time_point until, last_failure;
  };
  using Entries = std::list<Entry>;
  struct Rule {
    std::string key;
    unsigned free_failures;
    Clock::duration most;
  };
  std::vector<Rule> rules(const xmpp::Jid& account, const std::string& ip) const;
  Entry& touch(const std::string& key, Clock::time_point now);
  void forget(Entries::iterator entry);
  Clock::duration delay(unsigned failures, Clock::duration most) const;

  const Settings settings_;
  mutable std::mutex mutex_;
  Entries entries_;  ///< by their last failure, the oldest first
  std::unordered_map<std::string, Entries::iterator> by_key_;
};

}  // namespace rookery::server
