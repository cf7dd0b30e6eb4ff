// End-to-end encryption of one account: sessions with all devices of a contact and our own, messages in both versions.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/core/omemo/copy_guard.h"
#include "client/core/omemo/device_lists.h"
#include "client/core/omemo/omemo_store.h"
#include "crypto/omemo/omemo.h"
#include "xmpp/payloads/alteration.h"

namespace rookery::client {

class Omemo {
 public:
  using Address = crypto::omemo::Address;
  using Version = crypto::omemo::Version;

  Omemo(Connection& connection, LocalStore& store, const EventSink& events);
  /// Opens this account's device, or makes one.
  Status open(const xmpp::Jid& account);
  /// A new session, before catching up: is this database as new as its device?
  void check_for_copy(std::function<void(Status)> done) { copies_.check(device_->id(), std::move(done)); }
  /// A new session, after catching up: replaces used prekeys, publishes bundles and lists. An older copy becomes a new
  /// device. `published` when others can find our keys.
  void on_caught_up(std::function<void()> published = [] {});
  bool on_event(const origin::PepEvent& event) { return lists_.on_event(event); }

  /// Makes sessions with all devices that `contact` and we have, as far as possible, then calls `ready`, with
  /// Failure::unavailable when the contact's lists could not be learned.
  void prepare(const xmpp::Jid& contact, std::function<void(Status)> ready);
  bool has_devices(const xmpp::Jid& jid) const { return lists_.any_device(jid); }

  /// Adds `<encrypted/>` (and what clients without OMEMO should see) to `message`. Fails closed: Failure::denied when
  /// no device of the contact can and may read it. To be called in the transaction that stores the result.
  Result<Encryption> encrypt(const xmpp::Jid& contact, std::string_view text,
                             const std::optional<xmpp::Alteration>& alteration, xmpp::Element& message);

  struct Decrypted {
    std::optional<xmpp::Alteration> alteration;
    std::optional<std::string> text;  ///< absent: nothing to show, unless there is a problem
    Encryption encryption = Encryption::omemo;
    uint32_t device = 0;
    crypto::omemo::Trust trust = crypto::omemo::Trust::undecided;
    std::string problem;  ///< why it cannot be shown
    bool is_own = false;  ///< written with a text by this very device, to somebody else
  };
  /// `sender` as the origin gate found it. To be called in the transaction that stores the result; afterwards settle().
  /// An error is one of the database: nothing happened.
  Result<Decrypted> decrypt(const xmpp::Jid& sender, const xmpp::Jid& recipient, const xmpp::Element& message,
                            bool catching_up);
  /// Sends what decrypting made necessary: answers to new sessions, heartbeats, healing.
  void settle();
  /// decrypt() found what this device has written, and the history does not have it. To be called in the same
  /// transaction.
  Status suspect_copy() { return copies_.suspect(); }

  std::vector<DeviceInfo> devices(const xmpp::Jid& jid) const;
  DeviceInfo own_device() const;
  /// `which`: a fingerprint (spaces and case do not matter) or a device id.
  Status set_trust(const xmpp::Jid& jid, std::string_view which, crypto::omemo::Trust trust);

 private:
  using Plan = std::map<Version, std::vector<Address>>;
  Plan plan(const xmpp::Jid& contact) const;
  void make_sessions(const xmpp::Jid& contact, std::function<void(Status)> ready);
  void fetch_bundle(Version version, const Address& address, std::function<void()> done);
  void publish_bundles();
  void renew_bundles();
  void become_new_device();
  Result<Decrypted> open_message(const xmpp::Jid& sender, const xmpp::Jid& recipient,
                                 const crypto::omemo::EncryptedMessage& encrypted, bool catching_up);
  void send_empty(Version version, const Address& peer);
  void heal(Version version, const Address& peer);
  void report_skipped(const crypto::omemo::Outgoing& outgoing);

  Connection& connection_;
  LocalStore& store_;
  const EventSink& events_;
  OmemoStore keys_;
  Pep pep_;
  DeviceLists lists_;
  CopyGuard copies_;
  std::optional<crypto::omemo::Device> device_;
  std::set<std::pair<Version, Address>> unusable_;  ///< without a good bundle, in this session
  std::set<std::pair<Version, Address>> answers_, heals_;
  std::map<Address, Connection::Clock::time_point> healed_;
  std::set<Address> reported_;
  bool bundles_dirty_ = false;  ///< they offer a prekey that a session has taken
  bool renewal_waits_ = false;
};

}  // namespace rookery::client
