// The log: every message that must not be lost is a record here before anyone is told that it arrived. Archive, offline
// inbox and redelivery are ranges over it, never copies (docs/DESIGN: "The log").
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"
#include "xmpp/jid.h"

namespace rookery::storage {

using TimePoint = std::chrono::sys_time<std::chrono::microseconds>;

/// An entry's place in its owner's archive and at the same time its stanza-id (XEP-0359): microseconds since 1970, made
/// strictly increasing per owner by the owner's home. 0 stands for "before everything".
using LogId = uint64_t;
std::string to_stanza_id(LogId id);                      ///< 16 lower-case hex digits
std::optional<LogId> parse_stanza_id(std::string_view);  ///< nullopt for anything that to_stanza_id does not make
inline TimePoint time_of(LogId id) { return TimePoint(std::chrono::microseconds(id)); }

/// One message in one account's (or room's) archive.
struct LogEntry {
  static constexpr uint8_t archived = 1;  ///< seen by XEP-0313 queries; else kept only until it is delivered
  static constexpr uint8_t inbox = 2;     ///< to be delivered to the owner: waits until the cursor passes it
  static constexpr uint8_t outgoing = 4;  ///< sent by the owner

  std::string owner;  ///< bare JID text
  LogId id = 0;
  uint8_t flags = 0;
  std::string peer;  ///< full or bare JID text of the other side, what `with` compares
  std::string xml;   ///< the message, in namespace jabber:client, without our own stanza-id
};

/// What a writer knows of its right to write. Storage refuses it (Failure::fenced) once the shard has a newer epoch.
struct Fence {
  uint32_t shard = 0;
  uint64_t epoch = 0;  ///< 0: a single node, nobody else writes
  bool operator==(const Fence&) const = default;
};

/// What one commit writes, all or nothing. Plain values, so that any backend can take it.
struct LogBatch {
  /// Recognises a resent message (REQUIREMENTS 20); forgotten after seven days at the earliest.
  struct Seen {
    std::string owner;  ///< the sender's bare JID
    std::string key;    ///< 16 bytes: hash of (sender, to, origin-id)
  };
  /// Everything up to `id` needs no delivery any more for `device` ("" is the account's inbox).
  struct Cursor {
    std::string owner, device;
    LogId id = 0;
  };
  /// XEP-0198: what a session has handled durably; kept so that <failed h='…'/> is exact after a crash.
  struct Counter {
    std::string owner, session;
    uint32_t handled = 0;
  };
  struct Key {
    std::string owner;
    LogId id = 0;
  };
  struct Session {
    std::string owner, session;
  };
  /// What MessageLog::old_entries() has found, so that nothing that is to stay lies between the first and the last id.
  struct Expired {
    std::string owner;
    std::vector<LogId> ids;  ///< ascending
  };

  /// Whoever writes shows that it still owns what it writes to: when one of these epochs is lower than its shard's
  /// newest, the whole batch is refused (Failure::fenced), and no other. Empty on a single node: nobody else writes.
  using Fence = storage::Fence;

  std::vector<Fence> fences;
  std::vector<LogEntry> entries;
  /// Archived entries that get another peer and text (a tombstone, XEP-0424 §5); flags stay, what is not there stays
  /// absent.
  std::vector<LogEntry> replaced;
  std::vector<Seen> seen;
  std::vector<Cursor> cursors;
  std::vector<Counter> counters;
  std::vector<Key>
      delivered;  ///< acknowledged out of order: clears the inbox flag; erases entries that are not archived
  std::vector<Session> ended;       ///< sessions whose counters are not needed any more
  std::vector<std::string> purged;  ///< owners whose everything goes (account deleted)
  std::vector<Expired> expired;     ///< archived entries that go

  bool empty() const;
  size_t size() const;  ///< rows, roughly
};

/// XEP-0313 §4. Bounds are exclusive for after/before, inclusive for start/end.
struct ArchiveQuery {
  std::string owner;
  std::optional<std::string> with;  ///< a bare JID matches all its resources, a full one only itself
  std::optional<TimePoint> start, end;
  LogId after = 0;
  LogId before = 0;        ///< 0: no bound
  std::vector<LogId> ids;  ///< when not empty: exactly these; a missing one is Failure::not_found
  bool last_page = false;  ///< take the newest `limit` of the range instead of the oldest; result is ascending anyway
  size_t limit = 50;
  bool want_count = false;  ///< count the whole range (bounded by 100,000), for RSM <count/>
};

struct ArchivePage {
  std::vector<LogEntry> entries;  ///< ascending by id
  bool complete = true;           ///< nothing of the range lies beyond this page in the direction of paging
  std::optional<size_t> count;
};

/// A part of an archive that may go.
struct OldEntries {
  std::vector<LogId> ids;      ///< ascending; no other archived entry lies between them
  std::optional<LogId> go_on;  ///< there may be more after this id
};

/// What a home needs when it is loaded.
struct InboxState {
  LogId last_id = 0;  ///< newest entry of the owner, 0 if none
  LogId cursor = 0;   ///< the account's inbox cursor (device "")
};

class MessageLog {
 public:
  virtual ~MessageLog() = default;

  /// Queues the batch and returns at once; batches are written in order, many in one sync (group commit). `done` runs
  /// on the log's own thread after the batch is durable, in order. While the disk refuses (full, I/O error), batches
  /// wait and are retried; healthy() is false meanwhile; nothing is dropped. Only a fenced batch, or shutdown, ends in
  /// an error.
  virtual void commit(LogBatch batch, std::function<void(Status)> done) = 0;
  virtual bool healthy() const = 0;

  // The rest may block on the disk: call it off the event loops. All see whatever was committed before the call.
  virtual Result<ArchivePage> query(const ArchiveQuery& query) const = 0;
  virtual Result<InboxState> load(std::string_view owner) const = 0;
  /// Entries with the inbox flag and id > after, ascending.
  virtual Result<std::vector<LogEntry>> inbox(std::string_view owner, LogId after, size_t limit) const = 0;
  /// Those of these entries of the inbox that exist, archived or not, ascending. `ids` is ascending. A missing one has
  /// been delivered elsewhere and was not to be kept. (A backend that finds rows by key does better than this.)
  virtual Result<std::vector<LogEntry>> find(std::string_view owner, const std::vector<LogId>& ids) const;
  /// Archived entries with after < id < before that nobody waits for: all but those with the inbox flag that the
  /// account's cursor has not passed. Looks at `limit` entries at most.
  virtual Result<OldEntries> old_entries(std::string_view owner, LogId after, LogId before, size_t limit) const = 0;
  /// Those of these owners whose archives hold anything older, waited for or not. (A backend that can ask for many at
  /// once does better than this.)
  virtual Result<std::vector<std::string>> with_older(const std::vector<std::string>& owners, LogId before) const;
  virtual Result<std::optional<LogId>> cursor(std::string_view owner, std::string_view device) const = 0;
  /// Which of these 16-byte keys are known.
  virtual Result<bool> has_seen(std::string_view owner, std::string_view key) const = 0;
  /// What has_seen() would say, where memory alone can tell: never blocks, so it may be called on an event loop.
  /// nullopt: ask has_seen().
  virtual std::optional<bool> has_seen_in_memory(std::string_view owner, std::string_view key) const;
  /// A copy in `folder`, which must not exist, with everything that was committed before the call. Failure::invalid
  /// where the storage has means of its own for that.
  virtual Status copy_to(const std::filesystem::path& folder) const;
  /// nullopt when the session is unknown.
  virtual Result<std::optional<uint32_t>> counter(std::string_view owner, std::string_view session) const = 0;
};

}  // namespace rookery::storage
