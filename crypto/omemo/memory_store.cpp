#include <tuple>

#include "crypto/omemo/store.h"

namespace rookery::crypto::omemo {
namespace {

template <typename Map>
std::optional<typename Map::mapped_type> find(const Map& map, const typename Map::key_type& key) {
  const auto at = map.find(key);
  if (at == map.end()) return std::nullopt;
  return at->second;
}

template <typename Map>
void merge(Map& into, const std::map<typename Map::key_type, std::optional<typename Map::mapped_type>>& changes) {
  for (const auto& [key, value] : changes) {
    if (value) {
      into.insert_or_assign(key, *value);
    } else {
      into.erase(key);
    }
  }
}

}  // namespace

Result<std::optional<OwnDevice>> MemoryStore::own() const { return own_; }
Result<std::map<uint32_t, PreKey>> MemoryStore::pre_keys() const { return pre_keys_; }
Result<std::optional<PreKey>> MemoryStore::pre_key(uint32_t id) const { return find(pre_keys_, id); }
Result<std::map<uint32_t, std::string>> MemoryStore::signed_pre_keys() const { return signed_pre_keys_; }
Result<std::optional<std::string>> MemoryStore::session(const SessionKey& key) const { return find(sessions_, key); }
Result<std::optional<Identity>> MemoryStore::identity(const Address& address) const {
  return find(identities_, address);
}
Result<bool> MemoryStore::seen(const SeenKey& key) const { return seen_.contains(key); }

Result<std::map<Address, Identity>> MemoryStore::identities(std::string_view jid) const {
  std::map<Address, Identity> found;
  for (auto at = identities_.lower_bound({std::string(jid), 0}); at != identities_.end() && at->first.jid == jid;
       ++at) {
    found.insert(*at);
  }
  return found;
}

Status MemoryStore::apply(const Changes& changes) {
  if (changes.own) own_ = changes.own;
  merge(pre_keys_, changes.pre_keys);
  merge(signed_pre_keys_, changes.signed_pre_keys);
  merge(sessions_, changes.sessions);
  for (const auto& [address, identity] : changes.identities) identities_.insert_or_assign(address, identity);
  seen_.insert(changes.seen.begin(), changes.seen.end());
  return {};
}

bool MemoryStore::operator==(const MemoryStore& other) const {
  return std::tie(own_, pre_keys_, signed_pre_keys_, sessions_, identities_, seen_) ==
         std::tie(other.own_, other.pre_keys_, other.signed_pre_keys_, other.sessions_, other.identities_, other.seen_);
}

}  // namespace rookery::crypto::omemo
