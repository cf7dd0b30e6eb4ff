// What an OMEMO device remembers. The client's database implements Store; MemoryStore is for tests.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/result.h"

namespace rookery::crypto::omemo {

/// The two protocols in use; a peer's device may speak either or both, with one session each.
enum class Version : uint8_t {
  legacy = 3,  ///< eu.siacs.conversations.axolotl (XEP-0384 0.3)
  v2 = 4,      ///< urn:xmpp:omemo:2 (XEP-0384 0.8)
};

/// One device of one account.
struct Address {
  std::string jid;      ///< bare JID, normalised
  uint32_t device = 0;  ///< 1 … 2^31-1
  auto operator<=>(const Address&) const = default;
};

/// What the person at the keyboard thinks of a device's key. Only `automatic` and `verified` devices are written to.
enum class Trust : uint8_t {
  undecided,   ///< appeared after another device of that JID had been verified: ask first
  automatic,   ///< first seen, nothing of that JID verified yet
  verified,    ///< fingerprints were compared
  distrusted,  ///< refused
};

/// A peer's identity key as Curve25519 (32 bytes, the same for both versions) and what we think of it.
struct Identity {
  std::string key;
  Trust trust = Trust::undecided;
  bool operator==(const Identity&) const = default;
};

struct PreKey {
  std::string blob;
  bool used = false;  ///< a session was built with it during catch-up: no longer published, deleted by maintain()
  bool operator==(const PreKey&) const = default;
};

/// The own device; `blob` holds the identity key pair and is a secret.
struct OwnDevice {
  Address address;
  std::string blob;
  uint32_t next_pre_key = 1;
  uint32_t next_signed_pre_key = 1;
  bool operator==(const OwnDevice&) const = default;
};

using SessionKey = std::pair<Version, Address>;
/// The sender and a digest (16 bytes) of an encrypted key that was decrypted already.
using SeenKey = std::pair<Address, std::string>;

/// Everything that one operation of a Device writes. An empty optional deletes.
struct Changes {
  std::optional<OwnDevice> own;
  std::map<uint32_t, std::optional<PreKey>> pre_keys;
  std::map<uint32_t, std::optional<std::string>> signed_pre_keys;
  std::map<SessionKey, std::optional<std::string>> sessions;
  std::map<Address, Identity> identities;
  std::set<SeenKey> seen;
};

/// The state of one own device (one account). A Device reads with the functions below and writes with exactly one
/// apply() per operation, only when the operation succeeded: called inside the client's transaction, ratchet and
/// message commit together (REQUIREMENTS 33). Blobs are opaque and secret. Called from one thread.
class Store {
 public:
  virtual ~Store() = default;
  virtual Result<std::optional<OwnDevice>> own() const = 0;
  virtual Result<std::map<uint32_t, PreKey>> pre_keys() const = 0;
  virtual Result<std::optional<PreKey>> pre_key(uint32_t id) const = 0;
  virtual Result<std::map<uint32_t, std::string>> signed_pre_keys() const = 0;
  virtual Result<std::optional<std::string>> session(const SessionKey& key) const = 0;
  virtual Result<std::optional<Identity>> identity(const Address& address) const = 0;
  /// All devices of a bare JID that ever had an identity.
  virtual Result<std::map<Address, Identity>> identities(std::string_view jid) const = 0;
  /// Implementations may forget the oldest, but keep at least 2,000 per sender.
  virtual Result<bool> seen(const SeenKey& key) const = 0;
  /// All or nothing.
  virtual Status apply(const Changes& changes) = 0;
};

class MemoryStore final : public Store {
 public:
  Result<std::optional<OwnDevice>> own() const override;
  Result<std::map<uint32_t, PreKey>> pre_keys() const override;
  Result<std::optional<PreKey>> pre_key(uint32_t id) const override;
  Result<std::map<uint32_t, std::string>> signed_pre_keys() const override;
  Result<std::optional<std::string>> session(const SessionKey& key) const override;
  Result<std::optional<Identity>> identity(const Address& address) const override;
  Result<std::map<Address, Identity>> identities(std::string_view jid) const override;
  Result<bool> seen(const SeenKey& key) const override;
  Status apply(const Changes& changes) override;
  bool operator==(const MemoryStore& other) const;

 private:
  std::optional<OwnDevice> own_;
  std::map<uint32_t, PreKey> pre_keys_;
  std::map<uint32_t, std::string> signed_pre_keys_;
  std::map<SessionKey, std::string> sessions_;
  std::map<Address, Identity> identities_;
  std::set<SeenKey> seen_;
};

}  // namespace rookery::crypto::omemo
