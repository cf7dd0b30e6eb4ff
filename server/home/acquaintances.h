// Whom an account has written to: what makes others no strangers (REQUIREMENTS 29), and how many of them were new
// lately.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace rookery::server {

/// For lookups by string_view.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};
template <typename Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

/// Bare JIDs and when the account first turned to them. Storage keeps it (the home's writer does that); so a budget
/// that is counted from it holds over restarts, and over a log-out.
class Acquaintances {
 public:
  using Time = std::chrono::sys_seconds;
  static constexpr size_t most = 5'000;

  bool contains(std::string_view bare_jid) const { return since_.contains(bare_jid); }
  size_t size() const { return since_.size(); }
  /// How many were added after `then`.
  size_t added_after(Time then) const;
  /// `when` is the epoch for one who does not count, since he came first. Beyond `most` the longest known goes:
  /// returned.
  std::optional<std::string> add(std::string bare_jid, Time when);

 private:
  TextMap<Time> since_;
};

}  // namespace rookery::server
