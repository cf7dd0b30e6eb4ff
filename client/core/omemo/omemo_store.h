// OMEMO keys and ratchets in the client's database.
#pragma once

#include "client/core/store/local_store.h"
#include "crypto/omemo/store.h"

namespace rookery::client {

/// apply() inside of LocalStore::transaction() becomes part of it: ratchet and message commit together (REQUIREMENTS
/// 33).
class OmemoStore final : public crypto::omemo::Store {
 public:
  explicit OmemoStore(LocalStore& store) : store_(store) {}

  Result<std::optional<crypto::omemo::OwnDevice>> own() const override;
  Result<std::map<uint32_t, crypto::omemo::PreKey>> pre_keys() const override;
  Result<std::optional<crypto::omemo::PreKey>> pre_key(uint32_t id) const override;
  Result<std::map<uint32_t, std::string>> signed_pre_keys() const override;
  Result<std::optional<std::string>> session(const crypto::omemo::SessionKey& key) const override;
  Result<std::optional<crypto::omemo::Identity>> identity(const crypto::omemo::Address& address) const override;
  Result<std::map<crypto::omemo::Address, crypto::omemo::Identity>> identities(std::string_view jid) const override;
  Result<bool> seen(const crypto::omemo::SeenKey& key) const override;
  Status apply(const crypto::omemo::Changes& changes) override;
  /// All but what we think of others: for a new device in place of this one.
  Status forget_own_device();

 private:
  Status write(const crypto::omemo::Changes& changes);
  LocalStore& store_;
};

}  // namespace rookery::client
