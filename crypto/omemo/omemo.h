// OMEMO (XEP-0384) in both versions: an own device, its sessions with other devices, encrypted messages. Bytes in,
// values out; the XML is in xmpp/payloads/omemo.h. The double ratchet is libomemo-c's and does not show here.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/omemo/store.h"
#include "crypto/result.h"

namespace rookery::crypto::omemo {

inline constexpr size_t pre_keys_published = 100;  ///< XEP-0384 §5.3.2: as many as this are offered
inline constexpr size_t pre_keys_minimum = 75;     ///< maintain() refills below this
inline constexpr auto signed_pre_key_lifetime = std::chrono::days(7);
inline constexpr size_t signed_pre_keys_kept = 4;  ///< the current one and those before it
inline constexpr uint32_t skipped_keys_limit = 1000;

/// A public identity key. Made of the bytes of a bundle: legacy 0x05 + Curve25519 (33 bytes), v2 Ed25519 (32 bytes).
class IdentityKey {
 public:
  static Result<IdentityKey> from_wire(Version version, std::string_view wire);
  static Result<IdentityKey> from_curve(std::string_view curve);  ///< 32 bytes, as in Identity::key
  const std::string& curve() const { return curve_; }
  /// XEP-0384 §6: the Curve25519 form in hex, eight groups of eight digits; equal in both versions.
  std::string fingerprint() const;
  bool operator==(const IdentityKey&) const = default;

 private:
  explicit IdentityKey(std::string curve) : curve_(std::move(curve)) {}
  std::string curve_;
};

/// What a device publishes. All keys in the wire form of their version, raw bytes (not base64).
struct Bundle {
  Version version = Version::v2;
  uint32_t signed_pre_key_id = 0;
  std::string signed_pre_key;
  std::string signature;
  std::string identity_key;
  std::map<uint32_t, std::string> pre_keys;
  bool operator==(const Bundle&) const = default;
};

/// The message key, encrypted for one device.
struct EncryptedKey {
  Address recipient;  ///< the legacy format names no JID: it is empty after parsing
  std::string data;
  bool key_exchange = false;  ///< prekey='true' or kex='true'
  bool operator==(const EncryptedKey&) const = default;
};

struct EncryptedMessage {
  Version version = Version::v2;
  uint32_t sender_device = 0;
  std::vector<EncryptedKey> keys;
  std::string iv;                      ///< legacy only: 12 bytes (16 are accepted)
  std::optional<std::string> payload;  ///< absent in an empty message (heartbeat, key transport)
  bool operator==(const EncryptedMessage&) const = default;
};

/// Why a recipient is not among the keys of an Outgoing.
enum class Skipped : uint8_t {
  no_session,  ///< fetch the bundle, start_session(), encrypt again
  undecided,   ///< ask the person
  distrusted,
  broken,  ///< the session cannot encrypt: start_session() with a fresh bundle replaces it
};

struct Outgoing {
  EncryptedMessage message;
  std::vector<std::pair<Address, Skipped>> skipped;
};

struct Incoming {
  std::optional<std::string> plaintext;  ///< absent: an empty message, nothing to show
  IdentityKey identity;
  Trust trust = Trust::undecided;
  bool new_session = false;    ///< XEP-0384 §6: answer with encrypt_empty(), publish the bundle again
  bool heartbeat_due = false;  ///< XEP-0384 §6: the peer wrote 53 messages without an answer: encrypt_empty()
};

enum class DecryptFailure : uint8_t {
  not_for_us,        ///< no key for this device: show "not encrypted for this device"
  duplicate,         ///< decrypted before: ignore it silently
  key_gone,          ///< very late: its key was dropped with skipped_keys_limit. A message is missed; do not heal
  no_session,        ///< heal: see Device::decrypt
  unknown_pre_key,   ///< a key exchange with a prekey that we deleted or never had; heal
  identity_changed,  ///< the sender's identity key differs from the one on record; accept_identity() after asking
  too_far_ahead,     ///< would skip more than skipped_keys_limit messages
  corrupt,           ///< damaged, forged, or out of step; heal
  store,             ///< the Store failed: try again, nothing was changed
};
std::string_view to_string(DecryptFailure failure);

/// An own OMEMO device. Works on one thread; the Store must outlive it. Every operation either succeeds and writes once
/// with Store::apply(), or changes nothing.
class Device {
 public:
  using Clock = std::chrono::system_clock;

  /// Makes identity, signed prekey and 100 prekeys. `device_id` must not be on the account's device list; 0 picks one
  /// at random. A restored backup must call this, never open(): its ratchets are stale. Failure::conflict if the Store
  /// has one.
  static Result<Device> create(Store& store, std::string own_jid, uint32_t device_id = 0,
                               Clock::time_point now = Clock::now());
  /// Failure::not_found when the Store holds no device.
  static Result<Device> open(Store& store);
  Device(Device&&) noexcept;
  Device& operator=(Device&&) noexcept;
  ~Device();

  const Address& address() const;
  uint32_t id() const { return address().device; }
  IdentityKey identity() const;
  Result<Bundle> bundle(Version version) const;
  /// To be called before the bundles are published, at start, after new sessions and after catch-up: refills prekeys,
  /// rotates the signed prekey, deletes used prekeys.
  Status maintain(Clock::time_point now = Clock::now());

  Result<bool> has_session(Version version, const Address& peer) const;
  /// Builds (or replaces) a session with a random prekey of the bundle, after checking its signature. Failure::denied
  /// when the identity differs from the one on record, ::invalid for a bad bundle.
  Status start_session(Version version, const Address& peer, const Bundle& bundle);
  Status forget_session(Version version, const Address& peer);

  /// Encrypts for those recipients that have a session and are trusted. Fails closed: Failure::denied when none is
  /// left. v2: `plaintext` is an SCE envelope (XEP-0420). The own device is ignored among the recipients.
  Result<Outgoing> encrypt(Version version, std::span<const Address> recipients, std::string_view plaintext);
  /// An empty message: acknowledges a key exchange, moves the ratchet, tells of a new session. Works for undecided
  /// devices too, since it carries nothing; Failure::not_found without a session.
  Result<EncryptedMessage> encrypt_empty(Version version, const Address& peer);

  /// `sender_jid` is the authenticated sender (in rooms: the occupant's real bare JID). With `catching_up` (archive),
  /// used prekeys stay until maintain(). After a new session the bundles must be published again, without the prekey
  /// that it took (XEP-0384 §5.6). A failure changes nothing and starts nothing. To heal (no_session,
  /// unknown_pre_key, corrupt): with a trusted device and rarely, start_session() with its fresh bundle and send
  /// encrypt_empty().
  std::expected<Incoming, DecryptFailure> decrypt(std::string_view sender_jid, const EncryptedMessage& message,
                                                  bool catching_up = false);

  Result<std::map<Address, Identity>> identities(std::string_view jid) const;
  /// Failure::not_found for a device that never had an identity.
  Status set_trust(const Address& peer, Trust trust);
  /// The person accepts another key for a known device (or a first one): recorded with `trust`, old sessions are
  /// dropped.
  Status accept_identity(const Address& peer, const IdentityKey& key, Trust trust);

 private:
  struct State;
  explicit Device(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace rookery::crypto::omemo
