// Decrypting what arrives, and telling apart why it cannot be done.
#include <omemo/protocol.h>
#include <omemo/session_record.h>
#include <omemo/session_state.h>

#include "crypto/hash.h"
#include "crypto/omemo/cipher.h"
#include "crypto/omemo/device_state.h"
#include "crypto/omemo/payload.h"

namespace rookery::crypto::omemo {
namespace {

constexpr uint32_t heartbeat_counter = 53;  // XEP-0384 §6

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
    outlook.known_exchange =
        session_record_has_session_state(record, static_cast<uint32_t>(version),
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
    // True duplicates are known from Store::seen(): this is a message whose key was dropped, and it was never shown.
    case SG_ERR_DUPLICATE_MESSAGE:
      return DecryptFailure::key_gone;
    case SG_ERR_NO_SESSION:
      return DecryptFailure::no_session;
    case SG_ERR_INVALID_KEY_ID:
      return DecryptFailure::unknown_pre_key;
    case SG_ERR_UNTRUSTED_IDENTITY:
      return DecryptFailure::identity_changed;
    default:
      return DecryptFailure::corrupt;
  }
}

struct Opened {
  std::string key_material;
  bool new_session = false;
  bool heartbeat_due = false;
};

std::expected<Opened, DecryptFailure> decrypt_key(Operation& operation, const Address& sender,
                                                  const EncryptedKey& key) {
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
  const int code = parsed->exchange ? session_cipher_decrypt_pre_key_signal_message(
                                          cipher.get(), parsed->exchange.get(), nullptr, into(plaintext))
                                    : session_cipher_decrypt_signal_message(cipher.get(), parsed->plain.get(), nullptr,
                                                                            into(plaintext));
  if (operation.store_failed()) return std::unexpected(DecryptFailure::store);
  if (code < 0) return std::unexpected(from_code(code));
  const uint32_t counter = signal_message_get_counter(parsed->message());
  return Opened{to_string(plaintext), parsed->exchange && !outlook.known_exchange,
                counter >= heartbeat_counter && outlook.next <= heartbeat_counter};
}

std::string seen_digest(Version version, const EncryptedKey& key) {
  return digest(Hash::sha256, std::string(1, static_cast<char>(version)) + key.data).substr(0, 16);
}

std::expected<Incoming, DecryptFailure> decrypt_message(Operation& operation, const Address& sender,
                                                        const EncryptedKey& key, const EncryptedMessage& message) {
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

std::expected<Incoming, DecryptFailure> Device::decrypt(std::string_view sender_jid, const EncryptedMessage& message,
                                                        bool catching_up) {
  const Address sender{std::string(sender_jid), message.sender_device};
  // The legacy format names no JID, so a foreign device with our number may have a key in there as well: try each.
  DecryptFailure failure = DecryptFailure::not_for_us;
  for (const EncryptedKey& key : message.keys) {
    const bool jid_fits =
        key.recipient.jid == address().jid || (message.version == Version::legacy && key.recipient.jid.empty());
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
