// What one loop counts. Plain integers: only the loop's own thread touches them, and a scrape asks each loop for a copy
// (metrics/metrics.h), so a message costs additions and no atomic, lock or cache line of another core.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rookery::server {

/// How a connection came.
enum class ConnectionKind : uint8_t {
  starttls,
  direct_tls,
  plaintext,
  websocket,
  bosh,
  http,
  component,
  s2s_in,
  s2s_out
};
inline constexpr std::array<std::string_view, 9> connection_kinds = {
    "starttls", "direct_tls", "plaintext", "websocket", "bosh", "http", "component", "s2s_in", "s2s_out"};

enum class StanzaKind : uint8_t { message, presence, iq };
inline constexpr std::array<std::string_view, 3> stanza_kinds = {"message", "presence", "iq"};
/// Of a stanza as XML, or of its name: the letter tells.
constexpr StanzaKind kind_of(char first_letter) {
  return first_letter == 'm' ? StanzaKind::message : first_letter == 'p' ? StanzaKind::presence : StanzaKind::iq;
}

/// Whole numbers in buckets that double: bucket k counts the values below 2^k that no lower one does.
class Histogram {
 public:
  static constexpr size_t size = 32;

  void add(uint64_t value) {
    ++counts_[std::min<size_t>(static_cast<size_t>(std::bit_width(value)), size - 1)];
    sum_ += value;
  }
  /// In microseconds. A clock that was set back counts as no time.
  template <typename Duration>
  void add_time(Duration duration) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
    add(us > 0 ? static_cast<uint64_t>(us) : 0);
  }
  uint64_t below(size_t power) const {  ///< how many values are below 2^power
    uint64_t count = 0;
    for (size_t k = 0; k <= power; ++k) count += counts_[k];
    return count;
  }
  uint64_t count() const { return below(size - 1); }
  uint64_t sum() const { return sum_; }
  Histogram& operator+=(const Histogram& other) {
    for (size_t k = 0; k < size; ++k) counts_[k] += other.counts_[k];
    sum_ += other.sum_;
    return *this;
  }

 private:
  std::array<uint64_t, size> counts_{};
  uint64_t sum_ = 0;
};

/// A gauge may be negative on one loop, which ended what another began; the sum over all loops is right.
struct LoopCounters {
  static constexpr size_t stream_conditions = 24;

  std::array<int64_t, connection_kinds.size()> connections{};
  std::array<uint64_t, connection_kinds.size()> accepted{};
  std::array<uint64_t, stream_conditions> stream_errors{};  ///< that ended streams of clients, by xmpp::StreamCondition
  std::array<uint64_t, stanza_kinds.size()> stanzas_in{}, stanzas_out{};
  uint64_t bytes_in = 0, bytes_out = 0;
  int64_t outbox_bytes = 0;  ///< what waits for clients to read

  int64_t sessions = 0, sessions_available = 0,
          sessions_waiting = 0;  ///< the last: without a connection, to be resumed
  uint64_t messages = 0;         ///< that clients sent
  uint64_t stored = 0;           ///< entries written to the log, two for a message between two accounts with archives
  uint64_t delivered = 0;        ///< given to sessions, carbons not counted
  uint64_t offline = 0;          ///< stored while nobody was there
  uint64_t resent = 0;           ///< recognised as sent before
  uint64_t expired = 0;          ///< entries deleted because they were older than archives keep them
  Histogram durable;             ///< us from reading a client's message until all that had to be durable was
  Histogram acknowledged;        ///< us from storing a message until a device of its receiver acknowledged it
  Histogram commit_time;         ///< us until a loop's batch was durable
  Histogram commit_rows;         ///< rows in it

  uint64_t s2s_in = 0, s2s_out = 0;  ///< stanzas from and to other servers
  uint64_t s2s_resent = 0;           ///< messages of theirs that were recognised as sent before
  uint64_t s2s_bounced = 0;          ///< given back because the other server could not be reached
  int64_t s2s_waiting = 0;           ///< stanzas that no other server has acknowledged

  uint64_t packets_out = 0, packets_in = 0;  ///< of the cluster
  uint64_t packet_retries = 0;               ///< channels that sent again what was not acknowledged
  uint64_t no_responders = 0;                ///< nobody listened to the shard

  LoopCounters& operator+=(const LoopCounters& other) {
    const auto add = [](auto& to, const auto& from) {
      for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
    };
    add(connections, other.connections);
    add(accepted, other.accepted);
    add(stream_errors, other.stream_errors);
    add(stanzas_in, other.stanzas_in);
    add(stanzas_out, other.stanzas_out);
    bytes_in += other.bytes_in;
    bytes_out += other.bytes_out;
    outbox_bytes += other.outbox_bytes;
    sessions += other.sessions;
    sessions_available += other.sessions_available;
    sessions_waiting += other.sessions_waiting;
    messages += other.messages;
    stored += other.stored;
    delivered += other.delivered;
    offline += other.offline;
    resent += other.resent;
    expired += other.expired;
    durable += other.durable;
    acknowledged += other.acknowledged;
    commit_time += other.commit_time;
    commit_rows += other.commit_rows;
    s2s_in += other.s2s_in;
    s2s_out += other.s2s_out;
    s2s_resent += other.s2s_resent;
    s2s_bounced += other.s2s_bounced;
    s2s_waiting += other.s2s_waiting;
    packets_out += other.packets_out;
    packets_in += other.packets_in;
    packet_retries += other.packet_retries;
    no_responders += other.no_responders;
    return *this;
  }
};

}  // namespace rookery::server
