// The own keys of a Device: making them, publishing them, renewing them, and what is thought of others' keys.
#include <omemo/key_helper.h>

#include <algorithm>
#include <cstring>

#include "crypto/omemo/device_state.h"
#include "crypto/random.h"

namespace rookery::crypto::omemo {
namespace {

using Clock = Device::Clock;

// libomemo-c never deletes the prekey with this id: it is reserved for a "last resort" key, which OMEMO does not have.
constexpr uint32_t pre_key_id_end = PRE_KEY_MEDIUM_MAX_VALUE;

uint64_t milliseconds(Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

/// XEP-0384 §5.3.1: device ids are random and between 1 and 2^31 - 1.
uint32_t random_device_id() {
  uint32_t id = 0;
  while (id == 0) {
    std::memcpy(&id, random_bytes(sizeof id).data(), sizeof id);
    id &= 0x7fffffff;
  }
  return id;
}

std::string wire_key(Version version, const ec_public_key* key) {
  Buffer buffer;
  const int code = version == Version::legacy ? ec_public_key_serialize(into(buffer), key)
                                              : ec_public_key_serialize_omemo(into(buffer), key);
  ensure(code == SG_SUCCESS);
  return to_string(buffer);
}

Status add_pre_keys(signal_context* context, size_t count, OwnDevice& own, Changes& changes) {
  for (size_t made = 0; made < count; ++made) {
    const uint32_t id = own.next_pre_key;
    own.next_pre_key = id + 1 < pre_key_id_end ? id + 1 : 1;
    Ref<ec_key_pair> pair;
    Ref<session_pre_key> key;
    Buffer blob;
    int code = curve_generate_key_pair(context, into(pair));
    if (code >= 0) code = session_pre_key_create(into(key), id, pair.get());
    if (code >= 0) code = session_pre_key_serialize(into(blob), key.get());
    if (code < 0) return std::unexpected(from_c(code, "cannot make an OMEMO prekey"));
    changes.pre_keys[id] = PreKey{to_string(blob), false};
  }
  return {};
}

Status add_signed_pre_key(signal_context* context, OwnDevice& own, Changes& changes, Clock::time_point now) {
  auto identity = load_identity(context, own.blob);
  if (!identity) return std::unexpected(identity.error());
  Ref<session_signed_pre_key> key;
  Buffer blob;
  int code = signal_protocol_key_helper_generate_signed_pre_key(into(key), identity->get(), own.next_signed_pre_key,
                                                                milliseconds(now), context);
  if (code >= 0) code = session_signed_pre_key_serialize(into(blob), key.get());
  if (code < 0) return std::unexpected(from_c(code, "cannot make an OMEMO signed prekey"));
  changes.signed_pre_keys[own.next_signed_pre_key++] = to_string(blob);
  return {};
}

Result<Ref<session_signed_pre_key>> parse_signed_pre_key(signal_context* context, std::string_view blob) {
  Ref<session_signed_pre_key> key;
  const int code = session_signed_pre_key_deserialize(into(key), bytes(blob), blob.size(), context);
  if (code < 0) return std::unexpected(from_c(code, "a stored OMEMO signed prekey is damaged"));
  return key;
}

/// Replaces the signed prekey when it is due, keeping earlier ones for messages under way.
Status rotate_signed_pre_key(signal_context* context, const Store& store, OwnDevice& own, Changes& changes,
                             Clock::time_point now) {
  const auto stored = store.signed_pre_keys();
  if (!stored) return std::unexpected(stored.error());
  if (!stored->empty()) {
    const auto current = parse_signed_pre_key(context, stored->rbegin()->second);
    if (!current) return std::unexpected(current.error());
    const Clock::time_point made{std::chrono::milliseconds(session_signed_pre_key_get_timestamp(current->get()))};
    if (now - made < signed_pre_key_lifetime) return {};
  }
  if (auto added = add_signed_pre_key(context, own, changes, now); !added) return std::unexpected(added.error());
  size_t surplus = stored->size() + 1 - std::min(stored->size() + 1, signed_pre_keys_kept);
  for (auto old = stored->begin(); surplus > 0; ++old, --surplus) changes.signed_pre_keys[old->first] = std::nullopt;
  return {};
}

/// Deletes used prekeys and fills up to pre_keys_published when few are left.
Status refill_pre_keys(signal_context* context, const Store& store, OwnDevice& own, Changes& changes) {
  const auto stored = store.pre_keys();
  if (!stored) return std::unexpected(stored.error());
  size_t usable = 0;
  for (const auto& [id, key] : *stored) {
    if (key.used) {
      changes.pre_keys[id] = std::nullopt;
    } else {
      ++usable;
    }
  }
  if (usable >= pre_keys_minimum) return {};
  return add_pre_keys(context, pre_keys_published - usable, own, changes);
}

}  // namespace

Error from_c(int code, std::string message) {
  if (code == SG_ERR_UNTRUSTED_IDENTITY)
    return {Failure::denied, std::move(message) + ": the identity key has changed"};
  if (code == SG_ERR_NO_SESSION) return {Failure::not_found, std::move(message) + ": no session"};
  return {Failure::invalid, std::move(message) + " (libomemo-c " + std::to_string(code) + ")"};
}

Result<Ref<ratchet_identity_key_pair>> load_identity(signal_context* context, std::string_view blob) {
  Ref<ratchet_identity_key_pair> pair;
  const int code = ratchet_identity_key_pair_deserialize(into(pair), bytes(blob), blob.size(), context);
  if (code < 0) return std::unexpected(from_c(code, "the stored OMEMO identity is damaged"));
  return pair;
}

Device::Device(std::unique_ptr<State> state) : state_(std::move(state)) {}
Device::Device(Device&&) noexcept = default;
Device& Device::operator=(Device&&) noexcept = default;
Device::~Device() = default;

Result<Device> Device::create(Store& store, std::string own_jid, uint32_t device_id, Clock::time_point now) {
  const auto existing = store.own();
  if (!existing) return std::unexpected(existing.error());
  if (*existing) return fail(Failure::conflict, "this store holds an OMEMO device already");

  const Context context = make_context();
  Ref<ratchet_identity_key_pair> pair;
  Buffer blob;
  int code = signal_protocol_key_helper_generate_identity_key_pair(into(pair), context.get());
  if (code >= 0) code = ratchet_identity_key_pair_serialize(into(blob), pair.get());
  if (code < 0) return std::unexpected(from_c(code, "cannot make an OMEMO identity"));

  OwnDevice own{{std::move(own_jid), device_id != 0 ? device_id : random_device_id()}, to_string(blob)};
  Changes changes;
  if (auto made = add_pre_keys(context.get(), pre_keys_published, own, changes); !made)
    return std::unexpected(made.error());
  if (auto made = add_signed_pre_key(context.get(), own, changes, now); !made) return std::unexpected(made.error());
  changes.own = std::move(own);
  if (auto stored = store.apply(changes); !stored) return std::unexpected(stored.error());
  return open(store);
}

Result<Device> Device::open(Store& store) {
  auto own = store.own();
  if (!own) return std::unexpected(own.error());
  if (!*own) return fail(Failure::not_found, "this store holds no OMEMO device");
  Context context = make_context();
  const auto identity = load_identity(context.get(), (*own)->blob);
  if (!identity) return std::unexpected(identity.error());
  Buffer public_key;
  Buffer private_key;
  ensure(ec_public_key_serialize(into(public_key), ratchet_identity_key_pair_get_public(identity->get())) ==
         SG_SUCCESS);
  ensure(ec_private_key_serialize(into(private_key), ratchet_identity_key_pair_get_private(identity->get())) ==
         SG_SUCCESS);
  return Device(std::unique_ptr<State>(
      new State{store, std::move(context), std::move(**own), {to_string(public_key), to_string(private_key)}}));
}

const Address& Device::address() const { return state_->own.address; }

IdentityKey Device::identity() const {
  auto key = IdentityKey::from_wire(Version::legacy, state_->keys.public_key);
  ensure(key.has_value());
  return std::move(*key);
}

Result<Bundle> Device::bundle(Version version) const {
  signal_context* context = state_->context.get();
  const auto identity = load_identity(context, state_->own.blob);
  if (!identity) return std::unexpected(identity.error());
  const auto signed_keys = state_->store.signed_pre_keys();
  if (!signed_keys) return std::unexpected(signed_keys.error());
  if (signed_keys->empty()) return fail(Failure::not_found, "this OMEMO device has no signed prekey");
  const auto signed_key = parse_signed_pre_key(context, signed_keys->rbegin()->second);
  if (!signed_key) return std::unexpected(signed_key.error());
  const auto pre_keys = state_->store.pre_keys();
  if (!pre_keys) return std::unexpected(pre_keys.error());

  const session_signed_pre_key* current = signed_key->get();
  const ec_public_key* own_key = ratchet_identity_key_pair_get_public(identity->get());
  Bundle bundle{.version = version, .signed_pre_key_id = session_signed_pre_key_get_id(current)};
  bundle.signed_pre_key = wire_key(version, ec_key_pair_get_public(session_signed_pre_key_get_key_pair(current)));
  if (version == Version::legacy) {
    bundle.identity_key = wire_key(version, own_key);
    bundle.signature =
        view(session_signed_pre_key_get_signature(current), session_signed_pre_key_get_signature_len(current));
  } else {
    bundle.identity_key = to_string(Buffer(ec_public_key_get_ed(own_key)));
    bundle.signature = view(session_signed_pre_key_get_signature_omemo(current),
                            session_signed_pre_key_get_signature_omemo_len(current));
  }
  for (const auto& [id, stored] : *pre_keys) {
    if (stored.used) continue;
    Ref<session_pre_key> key;
    const int code = session_pre_key_deserialize(into(key), bytes(stored.blob), stored.blob.size(), context);
    if (code < 0) return std::unexpected(from_c(code, "a stored OMEMO prekey is damaged"));
    bundle.pre_keys[id] = wire_key(version, ec_key_pair_get_public(session_pre_key_get_key_pair(key.get())));
  }
  return bundle;
}

Status Device::maintain(Clock::time_point now) {
  OwnDevice own = state_->own;
  Changes changes;
  auto status = refill_pre_keys(state_->context.get(), state_->store, own, changes);
  if (status) status = rotate_signed_pre_key(state_->context.get(), state_->store, own, changes, now);
  if (!status || (changes.pre_keys.empty() && changes.signed_pre_keys.empty())) return status;
  changes.own = own;
  if (auto stored = state_->store.apply(changes); !stored) return stored;
  state_->own = std::move(own);
  return {};
}

Result<std::map<Address, Identity>> Device::identities(std::string_view jid) const {
  return state_->store.identities(jid);
}

Status Device::set_trust(const Address& peer, Trust trust) {
  const auto known = state_->store.identity(peer);
  if (!known) return std::unexpected(known.error());
  if (!*known) return fail(Failure::not_found, "this device has no identity key on record");
  Changes changes;
  changes.identities[peer] = Identity{(*known)->key, trust};
  return state_->store.apply(changes);
}

Status Device::accept_identity(const Address& peer, const IdentityKey& key, Trust trust) {
  Changes changes;
  changes.identities[peer] = Identity{key.curve(), trust};
  for (const Version version : {Version::legacy, Version::v2}) changes.sessions[{version, peer}] = std::nullopt;
  return state_->store.apply(changes);
}

}  // namespace rookery::crypto::omemo
