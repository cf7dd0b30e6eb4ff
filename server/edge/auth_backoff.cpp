#include "server/edge/auth_backoff.h"

#include <algorithm>

#include "crypto/hash.h"
#include "server/net/address.h"

namespace rookery::server {

namespace {
constexpr unsigned shared_free_failures = 10;  // many people behind one address forget a password now and then
constexpr int owners_share = 8;                // of `most`: what others can make an account's owner wait

/// Strangers choose names and their length; a digest takes the same few bytes for each.
std::string key_of(std::string_view account, std::string_view network) {
  std::string both(account);
  both.append("\n").append(network);
  return crypto::digest(crypto::Hash::sha256, both);
}
}  // namespace

std::vector<AuthBackoff::Rule> AuthBackoff::rules(const xmpp::Jid& account, const std::string& ip) const {
  const std::string network = network_of(ip);
  return {{key_of(account.bare_text(), network), 0, settings_.most},
          {key_of({}, network), shared_free_failures, settings_.most},
          {key_of(account.bare_text(), {}), shared_free_failures, settings_.most / owners_share}};
}

Clock::duration AuthBackoff::delay(unsigned failures, Clock::duration most) const {
  Clock::duration delay = settings_.first;
  for (unsigned i = 1; i < failures && delay < most; ++i) delay *= 2;
  return failures == 0 ? Clock::duration::zero() : std::min(delay, most);
}

Clock::duration AuthBackoff::pause(const xmpp::Jid& account, const std::string& ip, Clock::time_point now) {
  const auto all = rules(account, ip);
  Clock::duration longest = Clock::duration::zero();
  const std::lock_guard lock(mutex_);
  for (const Rule& rule : all) {
    const auto found = by_key_.find(rule.key);
    if (found != by_key_.end()) longest = std::max(longest, found->second->until - now);
  }
  return longest;
}

Clock::duration AuthBackoff::failed(const xmpp::Jid& account, const std::string& ip, Clock::time_point now) {
  const auto all = rules(account, ip);
  Clock::duration longest = Clock::duration::zero();
  const std::lock_guard lock(mutex_);
  for (const Rule& rule : all) {
    Entry& entry = touch(rule.key, now);
    ++entry.failures;
    if (entry.failures <= rule.free_failures) continue;
    const auto wait = delay(entry.failures - rule.free_failures, rule.most);
    entry.until = now + wait;
    longest = std::max(longest, wait);
  }
  return longest;
}

void AuthBackoff::succeeded(const xmpp::Jid& account, const std::string& ip) {
  const auto key = key_of(account.bare_text(), network_of(ip));
  const std::lock_guard lock(mutex_);
  if (const auto found = by_key_.find(key); found != by_key_.end()) forget(found->second);
}

AuthBackoff::Entry& AuthBackoff::touch(const std::string& key, Clock::time_point now) {
  while (!entries_.empty() && now - entries_.front().last_failure > settings_.memory) forget(entries_.begin());
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    if (entries_.size() >= settings_.entries) forget(entries_.begin());
    entries_.push_back({.key = key});
    by_key_.emplace(key, std::prev(entries_.end()));
  } else {
    entries_.splice(entries_.end(), entries_, found->second);
  }
  entries_.back().last_failure = now;
  return entries_.back();
}

void AuthBackoff::forget(Entries::iterator entry) {
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

size_t AuthBackoff::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace rookery::server
