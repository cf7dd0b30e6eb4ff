// An account's roster in memory. Most accounts are idle and most contacts are looked at rarely, so they are kept
// packed: one small block each, in the order of their addresses.
#pragma once

#include <memory>
#include <optional>
#include <ranges>
#include <string_view>
#include <vector>

#include "storage/stores.h"

namespace rookery::server {

/// One packed contact; valid until its roster changes.
class Contact {
 public:
  using Subscription = storage::RosterItem::Subscription;
  explicit Contact(const char* block) : block_(block) {}

  std::string_view jid() const;  ///< bare
  Subscription subscription() const;
  bool sees_us() const;      ///< subscription from or both
  bool is_seen() const;      ///< subscription to or both
  bool has_request() const;  ///< RosterItem::request
  storage::RosterItem item() const;

 private:
  const char* block_;
};

class Contacts {
 public:
  void assign(const std::vector<storage::RosterItem>& items);
  void put(const storage::RosterItem& item);  ///< inserts or replaces
  void remove(std::string_view bare_jid);
  size_t size() const { return blocks_.size(); }
  std::optional<Contact> find(std::string_view bare_jid) const;
  /// All, ordered by address.
  auto each() const {
    return std::views::transform(blocks_, [](const Block& block) { return Contact(block.get()); });
  }

 private:
  using Block = std::unique_ptr<char[]>;
  std::vector<Block>::const_iterator place_of(std::string_view bare_jid) const;

  std::vector<Block> blocks_;
};

}  // namespace rookery::server
