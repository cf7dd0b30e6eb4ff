// An account's roster in memory. Most accounts are idle and most contacts are looked at rarely, so they are kept
// packed: one small record each, in the order of their addresses, all in one block.
#pragma once

#include <cstdint>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

#include "storage/stores.h"

namespace rookery::server {

/// One packed contact; valid until its roster changes.
class Contact {
 public:
  using Subscription = storage::RosterItem::Subscription;
  explicit Contact(const char* record) : record_(record) {}

  std::string_view jid() const;  ///< bare
  Subscription subscription() const;
  bool sees_us() const;      ///< subscription from or both
  bool is_seen() const;      ///< subscription to or both
  bool has_request() const;  ///< RosterItem::request
  storage::RosterItem item() const;

 private:
  const char* record_;
};

class Contacts {
 public:
  void assign(const std::vector<storage::RosterItem>& items);
  void put(const storage::RosterItem& item);  ///< inserts or replaces
  void remove(std::string_view bare_jid);
  size_t size() const { return starts_.size(); }
  std::optional<Contact> find(std::string_view bare_jid) const;
  /// All, ordered by address.
  auto each() const {
    return std::views::transform(starts_, [this](uint32_t start) { return at(start); });
  }

 private:
  Contact at(uint32_t start) const { return Contact(records_.data() + start); }
  size_t place_of(std::string_view bare_jid) const;  ///< in starts_: of the first that is not before it
  bool is_at(size_t place, std::string_view bare_jid) const;
  /// Instead of the record at this place, if one is to go, comes this one, if it is not empty.
  void replace(size_t place, bool has_old, std::string_view record);

  std::string records_;
  std::vector<uint32_t> starts_;  ///< in records_
};

}  // namespace rookery::server
