// The sessions of a Device and the messages that go through them.
#include <omemo/protocol.h>
#include <omemo/session_builder.h>
#include <omemo/session_cipher.h>
#include <omemo/session_record.h>
#include <omemo/session_state.h>

#include <cstring>

#include "crypto/hash.h"
#include "crypto/omemo/device_state.h"
#include "crypto/omemo/payload.h"
#include "crypto/random.h"

namespace rookery::crypto::omemo {
namespace {

constexpr uint32_t heartbeat_counter = 53;  // XEP-0384 §6

struct FreeBuilder {
  void operator()(session_builder* builder) const { session_builder_free(builder); }
};
struct FreeCipher {
  void operator()(session_cipher* cipher) const { session_cipher_free(cipher); }
};
using Cipher = std::unique_ptr<session_cipher, FreeCipher>;

/// `address` must outlive the cipher.
Cipher make_cipher(Operation& operation, const signal_protocol_address& address) {
  Cipher cipher;
  ensure(session_cipher_create(into(cipher), operation.store_context(), &address, operation.context()) == SG_SUCCESS);
  session_cipher_set_version(cipher.get(), static_cast<uint32_t>(operation.version()));
  return cipher;
}

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
  if (bundle.signature.size() != CURVE_SIGNATURE_LEN) return fail(Failure::invalid, "the OMEMO bundle's signature is malformed");
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

/// An encrypted key, parsed: one of the two.
struct Parsed {
  Ref<pre_key_signal_message> exchange;
  Ref<signal_message> plain;
  signal_message* message() const {
    return exchange ? pre_key_signal_message_get_signal_message(exchange.get()) : plain.get();
  }
};

std::optional<Parsed> parse(Version version, const EncryptedKey& key, uint32_t sender_device, signal_context* context) {
  const uint8_t* data = bytes(key.data);
  const size_t size = key.data.size();
  Parsed parsed;
  int code = SG_SUCCESS;
  if (key.key_exchange) {
    code = version == Version::legacy
               ? pre_key_signal_message_deserialize(into(parsed.exchange), data, size, context)
               : pre_key_signal_message_deserialize_omemo(into(parsed.exchange), data, size, sender_device, context);
    // Without a one-time prekey the first message could be replayed; OMEMO always has one.
    if (code >= 0 && !pre_key_signal_message_has_pre_key_id(parsed.exchange.get())) return std::nullopt;
  } else {
    code = version == Version::legacy ? signal_message_deserialize(into(parsed.plain), data, size, context)
                                      : signal_message_deserialize_omemo(into(parsed.plain), data, size, context);
  }
  if (code < 0) return std::nullopt;
  return parsed;
}

/// What a message would do to the session as it is now.
struct Outlook {
  bool known_exchange = false;  ///< the key exchange built one of our sessions already
  bool known_ratchet = false;
  uint32_t next = 0;   ///< the counter expected on the message's ratchet key
  uint32_t skips = 0;  ///< how many messages would be passed over
};

Outlook look_ahead(session_record* record, Version version, const Parsed& parsed) {
  Outlook outlook;
  if (parsed.exchange) {
    outlook.known_exchange = session_record_has_session_state(record, static_cast<uint32_t>(version),
                                                              pre_key_signal_message_get_base_key(parsed.exchange.get())) == 1;
  }
  const uint32_t counter = signal_message_get_counter(parsed.message());
  ec_public_key* ratchet = signal_message_get_sender_ratchet_key(parsed.message());
  outlook.skips = counter;
  const auto consider = [&](session_state* state) {
    const ratchet_chain_key* chain = state ? session_state_get_receiver_chain_key(state, ratchet) : nullptr;
    if (!chain) return;
    outlook.known_ratchet = true;
    outlook.next = ratchet_chain_key_get_index(chain);
    outlook.skips = counter > outlook.next ? counter - outlook.next : 0;
  };
  consider(session_record_get_state(record));
  for (auto* node = session_record_get_previous_states_head(record); node && !outlook.known_ratchet;
       node = session_record_get_previous_states_next(node)) {
    consider(session_record_get_previous_states_element(node));
  }
  return outlook;
}

DecryptFailure from_code(int code) {
  switch (code) {
    case SG_ERR_DUPLICATE_MESSAGE: return DecryptFailure::duplicate;
    case SG_ERR_NO_SESSION: return DecryptFailure::no_session;
    case SG_ERR_INVALID_KEY_ID: return DecryptFailure::unknown_pre_key;
    case SG_ERR_UNTRUSTED_IDENTITY: return DecryptFailure::identity_changed;
    default: return DecryptFailure::corrupt;
  }
}

struct Opened {
  std::string key_material;
  bool new_session = false;
  bool heartbeat_due = false;
};

std::expected<Opened, DecryptFailure> decrypt_key(Operation& operation, const Address& sender, const EncryptedKey& key) {
  const auto parsed = parse(operation.version(), key, sender.device, operation.context());
  if (!parsed) return std::unexpected(DecryptFailure::corrupt);

  const auto session = operation.session(sender);
  if (!session) return std::unexpected(DecryptFailure::store);
  if (!*session && !parsed->exchange) return std::unexpected(DecryptFailure::no_session);
  const signal_protocol_address address = c_address(sender);
  Ref<session_record> record;
  const auto version = static_cast<uint32_t>(operation.version());
  if (signal_protocol_session_load_session(operation.store_context(), into(record), &address, version) < 0) {
    return std::unexpected(DecryptFailure::store);
  }
  const Outlook outlook = look_ahead(record.get(), operation.version(), *parsed);
  // libomemo-c would derive and keep up to 2,000 keys for one message (REQUIREMENTS 33).
  if (outlook.skips > skipped_keys_limit) return std::unexpected(DecryptFailure::too_far_ahead);

  const Cipher cipher = make_cipher(operation, address);
  Buffer plaintext;
  const int code =
      parsed->exchange
          ? session_cipher_decrypt_pre_key_signal_message(cipher.get(), parsed->exchange.get(), nullptr, into(plaintext))
          : session_cipher_decrypt_signal_message(cipher.get(), parsed->plain.get(), nullptr, into(plaintext));
  if (operation.store_failed()) return std::unexpected(DecryptFailure::store);
  if (code < 0) return std::unexpected(from_code(code));
  const uint32_t counter = signal_message_get_counter(parsed->message());
  return Opened{to_string(plaintext), parsed->exchange && !outlook.known_exchange,
                counter >= heartbeat_counter && outlook.next <= heartbeat_counter};
}

std::string seen_digest(Version version, const EncryptedKey& key) {
  return digest(Hash::sha256, std::string(1, static_cast<char>(version)) + key.data).substr(0, 16);
}

std::expected<Incoming, DecryptFailure> decrypt_message(Operation& operation, const Address& sender, const EncryptedKey& key,
                                                        const EncryptedMessage& message) {
  auto opened = decrypt_key(operation, sender, key);
  if (!opened) return std::unexpected(opened.error());
  std::optional<std::string> plaintext;
  if (message.payload) {
    auto payload = open_payload(message.version, {*message.payload, message.iv, std::move(opened->key_material)});
    if (!payload) return std::unexpected(DecryptFailure::corrupt);
    plaintext = std::move(*payload);
  }
  const auto identity = operation.identity(sender);
  if (!identity) return std::unexpected(DecryptFailure::store);
  if (!*identity) return std::unexpected(DecryptFailure::corrupt);
  auto identity_key = IdentityKey::from_curve((*identity)->key);
  if (!identity_key) return std::unexpected(DecryptFailure::corrupt);
  return Incoming{std::move(plaintext), std::move(*identity_key), (*identity)->trust, opened->new_session,
                  opened->heartbeat_due};
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

std::expected<Incoming, DecryptFailure> Device::decrypt(std::string_view sender_jid, const EncryptedMessage& message,
                                                        bool catching_up) {
  const Address sender{std::string(sender_jid), message.sender_device};
  // The legacy format names no JID, so a foreign device with our number may have a key in there as well: try each.
  DecryptFailure failure = DecryptFailure::not_for_us;
  for (const EncryptedKey& key : message.keys) {
    const bool jid_fits = key.recipient.jid == address().jid || (message.version == Version::legacy && key.recipient.jid.empty());
    if (key.recipient.device != id() || !jid_fits) continue;
    SeenKey seen{sender, seen_digest(message.version, key)};
    const auto known = state_->store.seen(seen);
    if (!known) return std::unexpected(DecryptFailure::store);
    if (*known) return std::unexpected(DecryptFailure::duplicate);

    Operation operation = state_->operation(message.version, catching_up);
    auto incoming = decrypt_message(operation, sender, key, message);
    if (!incoming) {
      failure = incoming.error();
      continue;
    }
    operation.changes().seen.insert(std::move(seen));
    if (!state_->commit(operation)) return std::unexpected(DecryptFailure::store);
    return incoming;
  }
  return std::unexpected(failure);
}

}  // namespace rookery::crypto::omemo
