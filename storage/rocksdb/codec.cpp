#include "storage/rocksdb/codec.h"

#include <cstring>

namespace rookery::storage::rocks {

namespace {

constexpr char replacement_letter = 'r';

/// Operands are clear_inbox, or a replacement: its letter and the value of an entry whose flags do not count. The name
/// on disk is older than replacements.
class ChangeEntry final : public rocksdb::MergeOperator {
 public:
  const char* Name() const override { return "rookery.clear_inbox"; }

  bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override {
    out->new_value.clear();
    if (!in.existing_value || in.existing_value->empty()) return true;  // erased before: stays an invalid, empty row
    out->new_value.assign(in.existing_value->data(), in.existing_value->size());
    for (const auto& operand : in.operand_list) {
      char& flags = out->new_value[0];
      if (view(operand) == clear_inbox) {
        flags = static_cast<char>(flags & ~LogEntry::inbox);
      } else if (operand.size() > 1 && operand[0] == replacement_letter) {
        const char kept = flags;
        out->new_value.assign(operand.data() + 1, operand.size() - 1);
        out->new_value[0] = kept;
      }
    }
    return true;
  }

  bool PartialMerge(const rocksdb::Slice&, const rocksdb::Slice& older, const rocksdb::Slice& newer,
                    std::string* merged, rocksdb::Logger*) const override {
    if (view(older) != clear_inbox || view(newer) != clear_inbox) return false;  // both are kept until there is a value
    merged->assign(newer.data(), newer.size());
    return true;
  }
};

class OwnerPrefix final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "rookery.owner"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    const void* end = std::memchr(key.data(), 0, key.size());
    return {key.data(), static_cast<size_t>(static_cast<const char*>(end) - key.data()) + 1};
  }
  bool InDomain(const rocksdb::Slice& key) const override { return std::memchr(key.data(), 0, key.size()) != nullptr; }
};

std::string state_key(char letter, std::string_view owner, std::string_view name) {
  std::string key;
  key.reserve(owner.size() + name.size() + 2);
  key += letter;
  key += owner;
  key += '\0';
  key += name;
  return key;
}

}  // namespace

std::string big_endian(LogId id) {
  std::string bytes(8, '\0');
  for (size_t i = 8; i-- > 0; id >>= 8) bytes[i] = static_cast<char>(id);
  return bytes;
}

LogId read_big_endian(std::string_view bytes) {
  ensure(bytes.size() == 8);
  LogId id = 0;
  for (char c : bytes) id = id << 8 | static_cast<uint8_t>(c);
  return id;
}

std::string entry_key(std::string_view owner, LogId id) {
  std::string key;
  key.reserve(owner.size() + 9);
  key += owner;
  key += '\0';
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(id >> shift);
  return key;
}

LogId id_of_key(std::string_view key) { return read_big_endian(key.substr(key.size() - 8)); }

std::string owner_begin(std::string_view owner) { return std::string(owner) + '\0'; }
std::string owner_end(std::string_view owner) { return std::string(owner) + '\1'; }

std::string cursor_key(std::string_view owner, std::string_view device) {
  return state_key(cursor_letter, owner, device);
}
std::string counter_key(std::string_view owner, std::string_view session) {
  return state_key(counter_letter, owner, session);
}
std::string epoch_key(uint32_t shard) { return epoch_letter + big_endian(shard); }

EntryHead encode_head(const LogEntry& entry) {
  ensure(entry.peer.size() <= 0xffff);  // RFC 7622 §3.1: at most 3071 bytes
  return {static_cast<char>(entry.flags), static_cast<char>(entry.peer.size() >> 8),
          static_cast<char>(entry.peer.size())};
}

std::string encode_replacement(const LogEntry& entry) {
  const EntryHead head = encode_head(entry);
  std::string operand(1, replacement_letter);
  operand.reserve(1 + sizeof(head.bytes) + entry.peer.size() + entry.xml.size());
  return operand.append(head.bytes, sizeof(head.bytes)).append(entry.peer).append(entry.xml);
}

EntryView::EntryView(std::string_view value) {
  if (value.size() < sizeof(EntryHead)) return;
  const size_t peer_size = static_cast<size_t>(static_cast<uint8_t>(value[1])) << 8 | static_cast<uint8_t>(value[2]);
  if (value.size() < sizeof(EntryHead) + peer_size) return;
  flags = static_cast<uint8_t>(value[0]);
  peer = value.substr(sizeof(EntryHead), peer_size);
  xml = value.substr(sizeof(EntryHead) + peer_size);
  valid_ = true;
}

LogEntry EntryView::to_entry(std::string_view owner, LogId id) const {
  return {.owner = std::string(owner), .id = id, .flags = flags, .peer = std::string(peer), .xml = std::string(xml)};
}

bool matches(std::string_view with, std::string_view peer) {
  if (!peer.starts_with(with)) return false;
  if (peer.size() == with.size()) return true;
  return with.find('/') == std::string_view::npos && peer[with.size()] == '/';
}

std::shared_ptr<rocksdb::MergeOperator> entry_merge_operator() { return std::make_shared<ChangeEntry>(); }
std::shared_ptr<const rocksdb::SliceTransform> owner_prefix() { return std::make_shared<OwnerPrefix>(); }

}  // namespace rookery::storage::rocks
