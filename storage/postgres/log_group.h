// Folds many LogBatches into one transaction's statements: one statement a kind of row, whatever the number of batches.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/message_log.h"
#include "storage/postgres/connection.h"

namespace rookery::storage::postgres {

/// Has the same effect as its batches one after the other. What cannot be folded (something written after a purge of
/// its owner, an epoch that grows) is refused by add(): it begins the next group.
class LogGroup {
 public:
  enum class Added { yes, next_group, fenced };
  /// `fenced`: the batch's epoch is lower than one in this group.
  Added add(const LogBatch& batch);
  bool empty() const { return empty_; }
  size_t bytes() const;
  /// Queues the statements of the whole transaction.
  void send(Connection& connection, int64_t writer, int64_t number) const;

 private:
  using Key = std::pair<std::string, std::string>;

  struct Entries {
    Array owners = Array::of_text(), ids = Array::of_integers(), flags = Array::of_integers(), peers = Array::of_text(),
          xmls = Array::of_bytes();
    void add(const LogEntry& entry);
  };

  Added check_fences(const LogBatch& batch) const;
  void send_entries(Connection& connection) const;
  void send_states(Connection& connection) const;
  void send_deliveries(Connection& connection) const;
  void send_epochs(Connection& connection) const;

  bool empty_ = true;
  Entries archived_, transient_, replaced_;
  Array seen_owners_ = Array::of_text(), seen_keys_ = Array::of_bytes();
  Array delivered_owners_ = Array::of_text(), delivered_ids_ = Array::of_integers();
  Array purged_ = Array::of_text();
  std::vector<LogBatch::Expired> expired_;
  LogId expired_up_to_ = 0;
  // Ordered, so that two writers lock rows in the same order.
  std::map<Key, LogId> cursors_;                     ///< (owner, device): the last one counts
  std::map<std::string, LogId> passed_;              ///< owner: the account's own cursor at its furthest
  std::map<Key, std::optional<uint32_t>> counters_;  ///< (owner, session): nothing when the session has ended
  std::map<uint32_t, uint64_t> epochs_;              ///< by shard
};

}  // namespace rookery::storage::postgres
