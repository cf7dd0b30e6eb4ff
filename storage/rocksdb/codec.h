// How the log's rows look in RocksDB. An owner is JID text, which has no NUL, so "owner NUL" is a prefix that no other
// owner's keys have; ids are big-endian, so that key order is id order.
#pragma once

#include <rocksdb/merge_operator.h>
#include <rocksdb/slice_transform.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "storage/message_log.h"

namespace rookery::storage::rocks {

inline rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

std::string big_endian(LogId id);
LogId read_big_endian(std::string_view bytes);  ///< exactly 8 bytes

/// "owner NUL id"
std::string entry_key(std::string_view owner, LogId id);
LogId id_of_key(std::string_view key);
/// First key and first key beyond all keys of an owner.
std::string owner_begin(std::string_view owner);
std::string owner_end(std::string_view owner);

// Rows of the column family "state": a letter, then the key proper.
std::string cursor_key(std::string_view owner, std::string_view device);
std::string counter_key(std::string_view owner, std::string_view session);
std::string epoch_key(uint32_t shard);
inline constexpr char cursor_letter = 'c', counter_letter = 's', epoch_letter = 'e';

/// An entry's value is: flags (1 byte), size of peer (2 bytes), peer, xml.
struct EntryHead {
  char bytes[3];
};
EntryHead encode_head(const LogEntry& entry);

/// A view of an entry's value; `valid()` is false for what is not an entry (an erased entry whose flag was cleared
/// later).
struct EntryView {
  explicit EntryView(std::string_view value);
  bool valid() const { return valid_; }
  LogEntry to_entry(std::string_view owner, LogId id) const;

  uint8_t flags = 0;
  std::string_view peer, xml;

 private:
  bool valid_ = false;
};

/// XEP-0313 §4.1.1: a bare JID matches all its resources, a full one only itself.
bool matches(std::string_view with, std::string_view peer);

/// Merging `clear_inbox` into an entry clears its inbox flag without reading it first.
inline constexpr std::string_view clear_inbox = "d";
/// What is merged into an archived entry to give it another peer and text.
std::string encode_replacement(const LogEntry& entry);
std::shared_ptr<rocksdb::MergeOperator> entry_merge_operator();
/// The prefix "owner NUL", for bloom filters of one bit set an owner.
std::shared_ptr<const rocksdb::SliceTransform> owner_prefix();

}  // namespace rookery::storage::rocks
