#include "crypto/omemo/operation.h"

#include <algorithm>
#include <exception>

#include "crypto/omemo/skipped_keys.h"

namespace rookery::crypto::omemo {
namespace {

constexpr uint8_t curve_type = 0x05;
constexpr size_t curve_size = 32;

Operation& self_of(void* user_data) { return *static_cast<Operation*>(user_data); }

Address from_c(const signal_protocol_address* address) {
  return {std::string(address->name, address->name_len), static_cast<uint32_t>(address->device_id)};
}

/// An exception must not cross the C library's frames.
template <typename Body>
int guarded(Body body) noexcept {
  try {
    return body();
  } catch (const std::exception&) {
    return SG_ERR_UNKNOWN;
  }
}

int give(signal_buffer** output, std::string_view value, int success) {
  *output = make_buffer(value);
  return *output ? success : SG_ERR_NOMEM;
}

/// The callbacks pass identity keys as 0x05 + Curve25519 in both versions.
std::optional<std::string> curve_of(const uint8_t* key, size_t size) {
  if (!key || size != curve_size + 1 || key[0] != curve_type) return std::nullopt;
  return std::string(view(key + 1, curve_size));
}

}  // namespace

Operation::Operation(signal_context* context, Store& store, const OwnKeys& keys, uint32_t own_device, Version version,
                     bool keep_used_pre_keys)
    : context_(context),
      store_(store),
      keys_(keys),
      own_device_(own_device),
      version_(version),
      keep_used_pre_keys_(keep_used_pre_keys) {
  ensure(signal_protocol_store_context_create(into(store_context_), context) == SG_SUCCESS);
  const auto sessions = session_callbacks(this);
  const auto pre_keys = pre_key_callbacks(this);
  const auto signed_pre_keys = signed_pre_key_callbacks(this);
  const auto identities = identity_callbacks(this);
  signal_protocol_store_context_set_session_store(store_context_.get(), &sessions);
  signal_protocol_store_context_set_pre_key_store(store_context_.get(), &pre_keys);
  signal_protocol_store_context_set_signed_pre_key_store(store_context_.get(), &signed_pre_keys);
  signal_protocol_store_context_set_identity_key_store(store_context_.get(), &identities);
}

Result<std::optional<std::string>> Operation::session(const Address& peer) {
  const SessionKey key{version_, peer};
  if (const auto pending = changes_.sessions.find(key); pending != changes_.sessions.end()) return pending->second;
  return noted(store_.session(key));
}

Result<std::optional<Identity>> Operation::identity(const Address& peer) {
  if (const auto pending = changes_.identities.find(peer); pending != changes_.identities.end()) return pending->second;
  return noted(store_.identity(peer));
}

Result<Trust> Operation::first_trust(const std::string& jid) {
  const auto known = noted(store_.identities(jid));
  if (!known) return std::unexpected(known.error());
  const bool any_verified =
      std::ranges::any_of(*known, [](const auto& one) { return one.second.trust == Trust::verified; });
  return any_verified ? Trust::undecided : Trust::automatic;
}

signal_protocol_session_store Operation::session_callbacks(Operation* self) {
  signal_protocol_session_store store{};
  store.user_data = self;
  store.load_session_func = [](signal_buffer** record, signal_buffer**, const signal_protocol_address* address,
                               void* user) {
    return guarded([&] {
      const auto session = self_of(user).session(from_c(address));
      if (!session) return SG_ERR_UNKNOWN;
      return *session ? give(record, **session, 1) : 0;
    });
  };
  store.contains_session_func = [](const signal_protocol_address* address, void* user) {
    return guarded([&] {
      const auto session = self_of(user).session(from_c(address));
      if (!session) return SG_ERR_UNKNOWN;
      return session->has_value() ? 1 : 0;
    });
  };
  store.store_session_func = [](const signal_protocol_address* address, uint8_t* record, size_t size, uint8_t*, size_t,
                                void* user) {
    return guarded([&] {
      Operation& self = self_of(user);
      self.changes_.sessions[{self.version_, from_c(address)}] =
          limit_skipped_keys(view(record, size), skipped_keys_limit);
      return SG_SUCCESS;
    });
  };
  return store;
}

signal_protocol_pre_key_store Operation::pre_key_callbacks(Operation* self) {
  signal_protocol_pre_key_store store{};
  store.user_data = self;
  store.load_pre_key = [](signal_buffer** record, uint32_t id, void* user) {
    return guarded([&] {
      Operation& self = self_of(user);
      const auto pre_key = self.noted(self.store_.pre_key(id));
      if (!pre_key) return SG_ERR_UNKNOWN;
      return *pre_key ? give(record, (*pre_key)->blob, SG_SUCCESS) : SG_ERR_INVALID_KEY_ID;
    });
  };
  store.remove_pre_key = [](uint32_t id, void* user) {
    return guarded([&] {
      Operation& self = self_of(user);
      self.changes_.pre_keys[id] = std::nullopt;
      if (!self.keep_used_pre_keys_) return SG_SUCCESS;
      // XEP-0384 §6: during catch-up its deletion waits, so that a racing second session still decrypts.
      const auto pre_key = self.noted(self.store_.pre_key(id));
      if (!pre_key) return SG_ERR_UNKNOWN;
      if (*pre_key) self.changes_.pre_keys[id] = PreKey{(*pre_key)->blob, true};
      return SG_SUCCESS;
    });
  };
  return store;
}

signal_protocol_signed_pre_key_store Operation::signed_pre_key_callbacks(Operation* self) {
  signal_protocol_signed_pre_key_store store{};
  store.user_data = self;
  store.load_signed_pre_key = [](signal_buffer** record, uint32_t id, void* user) {
    return guarded([&] {
      Operation& self = self_of(user);
      const auto all = self.noted(self.store_.signed_pre_keys());
      if (!all) return SG_ERR_UNKNOWN;
      const auto found = all->find(id);
      return found != all->end() ? give(record, found->second, SG_SUCCESS) : SG_ERR_INVALID_KEY_ID;
    });
  };
  return store;
}

signal_protocol_identity_key_store Operation::identity_callbacks(Operation* self) {
  signal_protocol_identity_key_store store{};
  store.user_data = self;
  store.get_identity_key_pair = [](signal_buffer** public_data, signal_buffer** private_data, void* user) {
    return guarded([&] {
      const OwnKeys& keys = self_of(user).keys_;
      *public_data = make_buffer(keys.public_key);
      *private_data = make_buffer(keys.private_key);
      return *public_data && *private_data ? SG_SUCCESS : SG_ERR_NOMEM;
    });
  };
  store.get_local_registration_id = [](void* user, uint32_t* id) {
    *id = self_of(user).own_device_;
    return SG_SUCCESS;
  };
  store.is_trusted_identity = [](const signal_protocol_address* address, uint8_t* key, size_t size, void* user) {
    return guarded([&] {
      const auto curve = curve_of(key, size);
      if (!curve) return SG_ERR_INVALID_KEY;
      const auto known = self_of(user).identity(from_c(address));
      if (!known) return SG_ERR_UNKNOWN;
      return !*known || (*known)->key == *curve ? 1 : 0;
    });
  };
  store.save_identity = [](const signal_protocol_address* address, uint8_t* key, size_t size, void* user) {
    return guarded([&] {
      Operation& self = self_of(user);
      const Address peer = from_c(address);
      auto curve = curve_of(key, size);
      if (!curve) return SG_ERR_INVALID_KEY;
      const auto known = self.identity(peer);
      if (!known) return SG_ERR_UNKNOWN;
      if (*known) return SG_SUCCESS;
      const auto trust = self.first_trust(peer.jid);
      if (!trust) return SG_ERR_UNKNOWN;
      self.changes_.identities[peer] = Identity{std::move(*curve), *trust};
      return SG_SUCCESS;
    });
  };
  return store;
}

}  // namespace rookery::crypto::omemo
