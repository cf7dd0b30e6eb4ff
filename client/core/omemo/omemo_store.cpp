#include "client/core/omemo/omemo_store.h"

#include "client/core/store/packed.h"

namespace rookery::client {

using namespace crypto::omemo;

namespace {

constexpr std::string_view own_kind = "omemo-own";
constexpr std::string_view pre_key_kind = "omemo-prekey";
constexpr std::string_view signed_pre_key_kind = "omemo-signed-prekey";
constexpr std::string_view session_kind = "omemo-session";
constexpr std::string_view identity_kind = "omemo-identity";
constexpr std::string_view seen_kind = "omemo-seen";

std::string key_of(const Address& address) { return address.jid + '\n' + std::to_string(address.device); }
std::string key_of(const SessionKey& key) {
  return std::to_string(static_cast<int>(key.first)) + '\n' + key_of(key.second);
}
std::string key_of(const SeenKey& key) { return key_of(key.first) + '\n' + key.second; }

std::unexpected<Error> damaged() { return fail(Failure::invalid, "the OMEMO keys in the local database are damaged"); }

std::optional<PreKey> decode_pre_key(std::string_view value) {
  auto fields = unpack(value, 2);
  if (!fields) return std::nullopt;
  return PreKey{std::move((*fields)[0]), (*fields)[1] == "1"};
}

std::optional<std::pair<Address, Identity>> decode_identity(std::string_view value) {
  auto fields = unpack(value, 4);
  if (!fields) return std::nullopt;
  auto& f = *fields;
  return std::pair(Address{f[0], static_cast<uint32_t>(number(f[1]))},
                   Identity{f[2], static_cast<Trust>(number(f[3]))});
}

}  // namespace

Result<std::optional<OwnDevice>> OmemoStore::own() const {
  auto value = store_.get(own_kind, "");
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::optional<OwnDevice>();
  auto fields = unpack(**value, 5);
  if (!fields) return damaged();
  auto& f = *fields;
  return std::optional<OwnDevice>(OwnDevice{{f[0], static_cast<uint32_t>(number(f[1]))},
                                            f[2],
                                            static_cast<uint32_t>(number(f[3])),
                                            static_cast<uint32_t>(number(f[4]))});
}

Result<std::map<uint32_t, PreKey>> OmemoStore::pre_keys() const {
  auto records = store_.all(pre_key_kind);
  if (!records) return std::unexpected(records.error());
  std::map<uint32_t, PreKey> keys;
  for (const auto& record : *records) {
    auto key = decode_pre_key(record.value);
    if (!key) return damaged();
    keys[static_cast<uint32_t>(number(record.key))] = std::move(*key);
  }
  return keys;
}

Result<std::optional<PreKey>> OmemoStore::pre_key(uint32_t id) const {
  auto value = store_.get(pre_key_kind, std::to_string(id));
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::optional<PreKey>();
  auto key = decode_pre_key(**value);
  if (!key) return damaged();
  return key;
}

Result<std::map<uint32_t, std::string>> OmemoStore::signed_pre_keys() const {
  auto records = store_.all(signed_pre_key_kind);
  if (!records) return std::unexpected(records.error());
  std::map<uint32_t, std::string> keys;
  for (auto& record : *records) keys[static_cast<uint32_t>(number(record.key))] = std::move(record.value);
  return keys;
}

Result<std::optional<std::string>> OmemoStore::session(const SessionKey& key) const {
  return store_.get(session_kind, key_of(key));
}

Result<std::optional<Identity>> OmemoStore::identity(const Address& address) const {
  auto value = store_.get(identity_kind, key_of(address));
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::optional<Identity>();
  auto identity = decode_identity(**value);
  if (!identity) return damaged();
  return std::optional<Identity>(std::move(identity->second));
}

Result<std::map<Address, Identity>> OmemoStore::identities(std::string_view jid) const {
  auto records = store_.in_group(identity_kind, jid);
  if (!records) return std::unexpected(records.error());
  std::map<Address, Identity> result;
  for (const auto& record : *records) {
    auto identity = decode_identity(record.value);
    if (!identity) return damaged();
    result.insert(std::move(*identity));
  }
  return result;
}

Result<bool> OmemoStore::seen(const SeenKey& key) const {
  auto value = store_.get(seen_kind, key_of(key));
  if (!value) return std::unexpected(value.error());
  return value->has_value();
}

Status OmemoStore::apply(const Changes& changes) {
  return store_.transaction([&] { return write(changes); });
}

Status OmemoStore::forget_own_device() {
  return store_.transaction([&]() -> Status {
    for (const auto kind : {own_kind, pre_key_kind, signed_pre_key_kind, session_kind, seen_kind})
      if (auto status = store_.remove_all(kind); !status) return status;
    return {};
  });
}

Status OmemoStore::write(const Changes& changes) {
  Status status;
  const auto put = [&](std::string_view kind, const std::string& key, const std::optional<std::string>& value,
                       std::string_view group = {}) {
    if (!status) return;
    status = value ? store_.put(kind, key, *value, group) : store_.remove(kind, key);
  };
  if (const auto& own = changes.own) {
    put(own_kind, "",
        pack({own->address.jid, std::to_string(own->address.device), own->blob, std::to_string(own->next_pre_key),
              std::to_string(own->next_signed_pre_key)}));
  }
  for (const auto& [id, key] : changes.pre_keys)
    put(pre_key_kind, std::to_string(id),
        key ? std::optional(pack({key->blob, key->used ? "1" : "0"})) : std::optional<std::string>());
  for (const auto& [id, blob] : changes.signed_pre_keys) put(signed_pre_key_kind, std::to_string(id), blob);
  for (const auto& [key, blob] : changes.sessions) put(session_kind, key_of(key), blob);
  for (const auto& [address, identity] : changes.identities)
    put(identity_kind, key_of(address),
        pack({address.jid, std::to_string(address.device), identity.key,
              std::to_string(static_cast<int>(identity.trust))}),
        address.jid);
  for (const auto& key : changes.seen) put(seen_kind, key_of(key), "", key.first.jid);
  return status;
}

}  // namespace rookery::client
