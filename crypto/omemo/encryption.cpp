// Starting sessions and encrypting through them.
#include <omemo/protocol.h>
#include <omemo/session_builder.h>

#include <cstring>

#include "crypto/omemo/cipher.h"
#include "crypto/omemo/device_state.h"
#include "crypto/omemo/payload.h"
#include "crypto/random.h"

namespace rookery::crypto::omemo {
namespace {

struct FreeBuilder {
  void operator()(session_builder* builder) const { session_builder_free(builder); }
};

/// A Curve25519 key of a bundle. libomemo-c would take 32 bytes for an Ed25519 key and 33 in either version: we do not.
Result<Ref<ec_public_key>> parse_key(Version version, std::string_view wire, signal_context* context) {
  const size_t size = version == Version::legacy ? 33 : 32;
  Ref<ec_public_key> key;
  if (wire.size() != size || curve_decode_point_mont(into(key), bytes(wire), wire.size(), context) < 0) {
    return fail(Failure::invalid, "a key of the OMEMO bundle is malformed");
  }
  return key;
}

Result<Ref<ec_public_key>> parse_identity(Version version, std::string_view wire, signal_context* context) {
  if (version == Version::legacy) return parse_key(version, wire, context);
  Ref<ec_public_key> key;
  if (wire.size() != 32 || curve_decode_point_ed(into(key), bytes(wire), wire.size(), context) < 0) {
    return fail(Failure::invalid, "the identity key of the OMEMO bundle is malformed");
  }
  return key;
}

/// XEP-0384 §5.4: a random one, so that two senders rarely take the same.
std::map<uint32_t, std::string>::const_iterator random_pre_key(const std::map<uint32_t, std::string>& keys) {
  uint64_t random = 0;
  std::memcpy(&random, random_bytes(sizeof random).data(), sizeof random);
  return std::next(keys.begin(), static_cast<std::ptrdiff_t>(random % keys.size()));
}

Result<Ref<session_pre_key_bundle>> to_c(const Address& peer, const Bundle& bundle, signal_context* context) {
  if (bundle.pre_keys.empty()) return fail(Failure::invalid, "the OMEMO bundle has no prekeys");
  // libomemo-c reads an absent signature through a null pointer.
  if (bundle.signature.size() != CURVE_SIGNATURE_LEN)
    return fail(Failure::invalid, "the OMEMO bundle's signature is malformed");
  const auto chosen = random_pre_key(bundle.pre_keys);
  const auto pre_key = parse_key(bundle.version, chosen->second, context);
  const auto signed_pre_key = parse_key(bundle.version, bundle.signed_pre_key, context);
  const auto identity = parse_identity(bundle.version, bundle.identity_key, context);
  for (const auto* key : {&pre_key, &signed_pre_key, &identity}) {
    if (!*key) return std::unexpected(key->error());
  }
  Ref<session_pre_key_bundle> result;
  const int code = session_pre_key_bundle_create(
      into(result), peer.device, static_cast<int>(peer.device), chosen->first, pre_key->get(), bundle.signed_pre_key_id,
      signed_pre_key->get(), bytes(bundle.signature), bundle.signature.size(), identity->get());
  if (code < 0) return std::unexpected(from_c(code, "the OMEMO bundle is malformed"));
  return result;
}

Result<EncryptedKey> encrypt_key(Operation& operation, const Address& peer, std::string_view key_material) {
  const signal_protocol_address address = c_address(peer);
  const Cipher cipher = make_cipher(operation, address);
  Ref<ciphertext_message> message;
  const int code = session_cipher_encrypt(cipher.get(), bytes(key_material), key_material.size(), into(message));
  if (code < 0) return std::unexpected(from_c(code, "cannot encrypt for an OMEMO device"));
  const signal_buffer* serialized = ciphertext_message_get_serialized(message.get());
  return EncryptedKey{peer, std::string(view(signal_buffer_const_data(serialized), signal_buffer_len(serialized))),
                      ciphertext_message_get_type(message.get()) == CIPHERTEXT_PREKEY_TYPE};
}

/// Why nothing can be encrypted for `peer`, or nothing.
Result<std::optional<Skipped>> obstacle(Operation& operation, const Address& peer) {
  const auto session = operation.session(peer);
  if (!session) return std::unexpected(session.error());
  const auto identity = operation.identity(peer);
  if (!identity) return std::unexpected(identity.error());
  // Distrust comes first: for such a device no bundle should be fetched either.
  if (*identity && (*identity)->trust == Trust::distrusted) return Skipped::distrusted;
  if (!*session) return Skipped::no_session;
  if (!*identity || (*identity)->trust == Trust::undecided) return Skipped::undecided;
  return std::nullopt;
}

}  // namespace

Result<bool> Device::has_session(Version version, const Address& peer) const {
  const auto session = state_->store.session({version, peer});
  if (!session) return std::unexpected(session.error());
  return session->has_value();
}

Status Device::start_session(Version version, const Address& peer, const Bundle& bundle) {
  if (bundle.version != version) return fail(Failure::invalid, "the OMEMO bundle is of another version");
  Operation operation = state_->operation(version);
  const auto c_bundle = to_c(peer, bundle, operation.context());
  if (!c_bundle) return std::unexpected(c_bundle.error());
  const signal_protocol_address address = c_address(peer);
  std::unique_ptr<session_builder, FreeBuilder> builder;
  ensure(session_builder_create(into(builder), operation.store_context(), &address, operation.context()) == SG_SUCCESS);
  session_builder_set_version(builder.get(), static_cast<uint32_t>(version));
  const int code = session_builder_process_pre_key_bundle(builder.get(), c_bundle->get());
  if (operation.store_failed()) return fail(Failure::io, "the OMEMO store failed");
  if (code < 0) return std::unexpected(from_c(code, "the OMEMO bundle was refused"));
  return state_->commit(operation);
}

Status Device::forget_session(Version version, const Address& peer) {
  Changes changes;
  changes.sessions[{version, peer}] = std::nullopt;
  return state_->store.apply(changes);
}

Result<Outgoing> Device::encrypt(Version version, std::span<const Address> recipients, std::string_view plaintext) {
  Operation operation = state_->operation(version);
  SealedPayload sealed = seal_payload(version, plaintext);
  Outgoing outgoing;
  for (const Address& peer : recipients) {
    if (peer == address()) continue;
    const auto blocked = obstacle(operation, peer);
    if (!blocked) return std::unexpected(blocked.error());
    if (*blocked) {
      outgoing.skipped.emplace_back(peer, **blocked);
      continue;
    }
    auto key = encrypt_key(operation, peer, sealed.key_material);
    if (operation.store_failed()) return fail(Failure::io, "the OMEMO store failed");
    if (!key) {
      outgoing.skipped.emplace_back(peer, Skipped::broken);
      continue;
    }
    outgoing.message.keys.push_back(std::move(*key));
  }
  if (outgoing.message.keys.empty()) return fail(Failure::denied, "no OMEMO device to encrypt for");
  outgoing.message.version = version;
  outgoing.message.sender_device = id();
  outgoing.message.iv = std::move(sealed.iv);
  outgoing.message.payload = std::move(sealed.ciphertext);
  if (auto stored = state_->commit(operation); !stored) return std::unexpected(stored.error());
  return outgoing;
}

Result<EncryptedMessage> Device::encrypt_empty(Version version, const Address& peer) {
  Operation operation = state_->operation(version);
  const auto session = operation.session(peer);
  if (!session) return std::unexpected(session.error());
  if (!*session) return fail(Failure::not_found, "no OMEMO session with this device");
  SealedPayload sealed = empty_payload(version);
  auto key = encrypt_key(operation, peer, sealed.key_material);
  if (!key) return std::unexpected(key.error());
  EncryptedMessage message{version, id(), {std::move(*key)}, std::move(sealed.iv), std::nullopt};
  if (auto stored = state_->commit(operation); !stored) return std::unexpected(stored.error());
  return message;
}

}  // namespace rookery::crypto::omemo
