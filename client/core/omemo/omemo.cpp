#include "client/core/omemo/omemo.h"

#include <algorithm>
#include <cctype>

#include "xmpp/namespaces.h"
#include "xmpp/payloads/hints.h"
#include "xmpp/stream_parser.h"
#include "xmpp/xml_chars.h"

namespace rookery::client {

namespace ns = xmpp::ns;
using crypto::omemo::DecryptFailure;
using crypto::omemo::Skipped;
using crypto::omemo::Trust;

namespace {

/// A session that breaks again within this time is left alone: healing must not become a ping-pong.
constexpr auto heal_pause = std::chrono::hours(1);

Encryption encryption_of(Omemo::Version version) {
  return version == Omemo::Version::legacy ? Encryption::omemo_legacy : Encryption::omemo;
}

std::string problem_text(DecryptFailure failure) {
  switch (failure) {
    case DecryptFailure::not_for_us:
      return "not encrypted for this device";
    case DecryptFailure::no_session:
      return "encrypted with a session that this device does not have";
    case DecryptFailure::unknown_pre_key:
      return "encrypted with a key that this device no longer has";
    case DecryptFailure::identity_changed:
      return "the sender's device shows another identity key than before";
    default:
      return "cannot be decrypted: " + std::string(to_string(failure));
  }
}

std::string only_hex(std::string_view text) {
  std::string digits;
  for (const char c : text)
    if (std::isxdigit(static_cast<unsigned char>(c)))
      digits += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return digits;
}

/// What stands in a v2 plaintext, once it is clear that it belongs to this stanza (XEP-0420 §5).
Status open_envelope(std::string_view plaintext, const xmpp::Jid& sender, const xmpp::Jid& recipient,
                     Omemo::Decrypted& result) {
  auto root = xmpp::parse_document(plaintext);
  if (!root) return fail(Failure::invalid, "the decrypted content is not XML");
  auto envelope = xmpp::omemo::Envelope::parse(**root);
  if (!envelope) return std::unexpected(envelope.error());
  if (auto status = envelope->check(sender.bare(), recipient.bare(), false); !status)
    return std::unexpected(status.error());
  result.alteration = xmpp::Alteration::find(*envelope->content);
  if (const auto* body = envelope->content->child("body", ns::client)) result.text = body->text();
  // XEP-0424 §3: the text of a retraction is for those who do not know what it is.
  if (result.alteration && !result.text) result.text = "";
  return {};
}

}  // namespace

Omemo::Omemo(Connection& connection, LocalStore& store, const EventSink& events)
    : connection_(connection),
      store_(store),
      events_(events),
      keys_(store),
      pep_(connection),
      lists_(connection, pep_, store, events_),
      copies_(connection, pep_, store) {}

Status Omemo::open(const xmpp::Jid& account) {
  if (auto status = lists_.load(); !status) return status;
  if (auto status = copies_.load(); !status) return status;
  auto device = crypto::omemo::Device::open(keys_);
  if (!device && device.error().failure == Failure::not_found)
    device = crypto::omemo::Device::create(keys_, std::string(account.bare_text()));
  if (!device) return std::unexpected(device.error());
  if (device->address().jid != account.bare_text())
    return fail(Failure::invalid, "this database belongs to " + device->address().jid);
  device_.emplace(std::move(*device));
  return {};
}

void Omemo::on_caught_up(std::function<void()> published) {
  unusable_.clear();
  if (copies_.suspected()) become_new_device();
  // Bundles before lists: whoever sees the device finds its keys.
  publish_bundles();
  lists_.on_bound(device_->id(), [this, published] { pep_.when_published(published); });
}

void Omemo::become_new_device() {
  const uint32_t old = device_->id();
  std::optional<crypto::omemo::Device> fresh;
  const auto status = store_.transaction([&]() -> Status {
    if (auto forgotten = keys_.forget_own_device(); !forgotten) return forgotten;
    auto created = crypto::omemo::Device::create(keys_, device_->address().jid);
    if (!created) return std::unexpected(created.error());
    fresh.emplace(std::move(*created));
    return copies_.forget();
  });
  if (!status)
    return events_(event::Notice{"this database is an older copy and could not be renewed: " + status.error().message});
  device_.emplace(std::move(*fresh));
  lists_.retire(old);
  answers_.clear();
  heals_.clear();
  events_(event::Notice{
      "this database is older than what its OMEMO device has written: a restored backup, or a copy. It goes on as "
      "the new device " +
      std::to_string(device_->id()) + "; who had verified it has to do that again (/fingerprint)"});
}

void Omemo::publish_bundles() {
  bundles_dirty_ = false;
  if (auto status = device_->maintain(); !status) events_(event::Notice{status.error().message});
  for (const auto version : DeviceLists::versions) {
    auto bundle = device_->bundle(version);
    if (!bundle) return events_(event::Notice{bundle.error().message});
    auto wrapper = xmpp::Element::make("wrapper", "");
    xmpp::omemo::add_bundle(*wrapper, *bundle);
    const std::string node = xmpp::omemo::bundles_node(version, device_->id());
    const std::string max_items = version == Version::v2 ? "max" : "";
    pep_.publish({node, xmpp::omemo::bundle_item(version, device_->id()), max_items}, *wrapper->first_element(),
                 [this](Status status) {
                   if (!status) events_(event::Notice{"cannot publish the OMEMO keys: " + status.error().message});
                 });
  }
}

Omemo::Plan Omemo::plan(const xmpp::Jid& contact) const {
  std::map<Address, std::set<Version>> devices;
  for (const auto& jid : {contact.bare(), connection_.account().bare()}) {
    for (const auto version : DeviceLists::versions) {
      for (const auto id : lists_.devices(version, jid)) {
        const Address address{jid.text(), id};
        if (address != device_->address() && !unusable_.contains({version, address})) devices[address].insert(version);
      }
    }
  }
  // Version 2 hides more, but one kind of message for all is worth more than the best for each.
  const bool all_v2 =
      std::ranges::all_of(devices, [](const auto& device) { return device.second.contains(Version::v2); });
  Plan plan;
  for (const auto& [address, versions] : devices) {
    const bool use_v2 = all_v2 || !versions.contains(Version::legacy);
    plan[use_v2 ? Version::v2 : Version::legacy].push_back(address);
  }
  return plan;
}

void Omemo::prepare(const xmpp::Jid& contact, std::function<void(Status)> ready) {
  lists_.refresh(connection_.account(), [this, contact, ready](Status) {
    lists_.refresh(contact, [this, contact, ready](Status status) {
      if (!status) return ready(status);
      make_sessions(contact, ready);
    });
  });
}

void Omemo::make_sessions(const xmpp::Jid& contact, std::function<void(Status)> ready) {
  std::vector<std::pair<Version, Address>> missing;
  for (const auto& [version, addresses] : plan(contact)) {
    for (const auto& address : addresses) {
      const auto known = device_->has_session(version, address);
      if (known && !*known) missing.emplace_back(version, address);
    }
  }
  if (missing.empty()) return ready({});
  auto open = std::make_shared<size_t>(missing.size());
  for (const auto& [version, address] : missing) {
    fetch_bundle(version, address, [this, open, contact, ready] {
      // A device without a good bundle is now unusable in that version; the other one may do.
      if (--*open == 0) make_sessions(contact, ready);
    });
  }
}

void Omemo::fetch_bundle(Version version, const Address& address, std::function<void()> done) {
  const auto owner = xmpp::Jid::parse(address.jid);
  ensure(owner.has_value());
  pep_.fetch(*owner, xmpp::omemo::bundles_node(version, address.device),
             // Legacy has one item in a node, and no id for it is agreed on: Dino does not say "current".
             version == Version::legacy ? std::string() : xmpp::omemo::bundle_item(version, address.device),
             [this, version, address, done](Result<const xmpp::Element*> payload) {
               auto bundle = payload ? xmpp::omemo::parse_bundle(version, **payload)
                                     : Result<crypto::omemo::Bundle>(std::unexpected(payload.error()));
               auto status =
                   bundle ? device_->start_session(version, address, *bundle) : Status(std::unexpected(bundle.error()));
               if (!status) unusable_.insert({version, address});
               if (!status && status.error().failure != Failure::not_found)
                 events_(event::Notice{"device " + std::to_string(address.device) + " of " + address.jid +
                                       " cannot be written to: " + status.error().message});
               done();
             });
}

Result<Encryption> Omemo::encrypt(const xmpp::Jid& contact, std::string_view text,
                                  const std::optional<xmpp::Alteration>& alteration, xmpp::Element& message) {
  bool reaches_contact = false;
  std::optional<Encryption> used;
  for (const auto& [version, recipients] : plan(contact)) {
    std::string plaintext(text);
    if (version == Version::v2) {
      auto envelope = xmpp::omemo::Envelope::make(connection_.account(), contact.bare());
      envelope.content->add("body", ns::client).add_text(text);
      if (alteration) alteration->add_to(*envelope.content);
      plaintext = envelope.to_xml();
    }
    auto outgoing = device_->encrypt(version, recipients, plaintext);
    if (!outgoing && outgoing.error().failure == Failure::denied) {
      // None of these may read it; perhaps those of the other version may.
      continue;
    }
    if (!outgoing) return std::unexpected(outgoing.error());
    report_skipped(*outgoing);
    for (const auto& key : outgoing->message.keys) reaches_contact |= key.recipient.jid == contact.bare_text();
    xmpp::omemo::add_encrypted(message, outgoing->message);
    // Legacy encrypts the body only.
    if (alteration && version == Version::legacy) alteration->add_to(message);
    used = encryption_of(version);
  }
  if (!used || !reaches_contact)
    return fail(Failure::denied, "no device of " + std::string(contact.bare_text()) +
                                     " can be written to: decide about its devices with /trust, or see /devices");
  message.add("encryption", ns::eme)
      .set_attr("namespace", *used == Encryption::omemo ? ns::omemo : ns::omemo_legacy)
      .set_attr("name", "OMEMO");
  message.add("body", ns::client)
      .add_text("[This message is encrypted with OMEMO, which your client does not support.]");
  message.add("store", ns::hints);
  return *used;
}

void Omemo::report_skipped(const crypto::omemo::Outgoing& outgoing) {
  for (const auto& [address, why] : outgoing.skipped) {
    if (why != Skipped::undecided || !reported_.insert(address).second) continue;
    const auto owner = xmpp::Jid::parse(address.jid);
    if (!owner) continue;
    for (const auto& device : devices(*owner))
      if (device.device == address.device) events_(event::UndecidedDevice{device});
  }
}

Result<Omemo::Decrypted> Omemo::decrypt(const xmpp::Jid& sender, const xmpp::Jid& recipient,
                                        const xmpp::Element& message, bool catching_up) {
  Decrypted result;
  result.problem = problem_text(DecryptFailure::not_for_us);
  // A message may carry both versions; only one of them has a key for us.
  for (const auto& child : message.elements()) {
    const auto version = xmpp::omemo::encrypted_version(child);
    if (!version) continue;
    result.encryption = encryption_of(*version);
    auto encrypted = xmpp::omemo::parse_encrypted(child);
    if (!encrypted) {
      result.problem = encrypted.error().message;
      continue;
    }
    auto opened = open_message(sender, recipient, *encrypted, catching_up);
    if (opened && opened->text && *version == Version::legacy) opened->alteration = xmpp::Alteration::find(message);
    if (!opened || opened->problem != problem_text(DecryptFailure::not_for_us)) return opened;
    result = std::move(*opened);
  }
  return result;
}

Result<Omemo::Decrypted> Omemo::open_message(const xmpp::Jid& sender, const xmpp::Jid& recipient,
                                             const crypto::omemo::EncryptedMessage& encrypted, bool catching_up) {
  const Version version = encrypted.version;
  const Address peer{std::string(sender.bare_text()), encrypted.sender_device};
  Decrypted result;
  result.encryption = encryption_of(version);
  result.device = encrypted.sender_device;
  // What this device wrote comes back from the archive; it was for others, and what was worth keeping is kept.
  if (peer == device_->address()) {
    result.is_own = encrypted.payload && !recipient.same_bare(connection_.account());
    return result;
  }
  auto incoming = device_->decrypt(peer.jid, encrypted, catching_up);
  if (!incoming) {
    const DecryptFailure failure = incoming.error();
    if (failure == DecryptFailure::store) return fail(Failure::io, "the local database cannot store a key");
    if (failure == DecryptFailure::duplicate) return result;
    const bool can_heal = failure == DecryptFailure::no_session || failure == DecryptFailure::unknown_pre_key ||
                          failure == DecryptFailure::corrupt;
    if (can_heal) heals_.insert({version, peer});
    // An empty message only moves the ratchet: nothing is missed.
    if (encrypted.payload) result.problem = problem_text(failure);
    return result;
  }
  if (incoming->new_session) bundles_dirty_ = true;
  if (incoming->new_session || incoming->heartbeat_due) answers_.insert({version, peer});
  result.trust = incoming->trust;
  if (!incoming->plaintext) return result;
  if (version == Version::legacy) {
    // These bytes came past the XML parser: hold them to the same rules.
    result.text = xmpp::replace_illegal(*incoming->plaintext);
    return result;
  }
  auto opened = open_envelope(*incoming->plaintext, sender, recipient, result);
  if (!opened) result.problem = opened.error().message;
  return result;
}

void Omemo::settle() {
  if (copies_.suspected()) on_caught_up();
  for (const auto& [version, peer] : std::exchange(answers_, {})) send_empty(version, peer);
  for (const auto& [version, peer] : std::exchange(heals_, {})) heal(version, peer);
  if (bundles_dirty_) renew_bundles();
}

/// XEP-0384 §5.6: without the prekeys that were used. Many new sessions at once are one publication, or two.
void Omemo::renew_bundles() {
  if (std::exchange(renewal_waits_, true)) return;
  pep_.when_published([this] {
    renewal_waits_ = false;
    if (bundles_dirty_ && connection_.online()) publish_bundles();  // each login publishes them, too
  });
}

void Omemo::send_empty(Version version, const Address& peer) {
  auto message = xmpp::Element::make("message", ns::client);
  message->set_attr("to", peer.jid).set_attr("type", "chat");
  auto encrypted = device_->encrypt_empty(version, peer);
  if (!encrypted) return;
  xmpp::omemo::add_encrypted(*message, *encrypted);
  message->add("store", ns::hints);
  connection_.send(*message);
}

void Omemo::heal(Version version, const Address& peer) {
  const auto identities = device_->identities(peer.jid);
  if (!identities) return;
  // REQUIREMENTS 33: a failure starts no session with someone unknown, and at most one in a while with someone known.
  const auto known = identities->find(peer);
  const bool trusted =
      known != identities->end() && (known->second.trust == Trust::automatic || known->second.trust == Trust::verified);
  const auto now = Connection::Clock::now();
  if (!trusted || (healed_.contains(peer) && now - healed_[peer] < heal_pause)) return;
  healed_[peer] = now;
  fetch_bundle(version, peer, [this, version, peer] {
    if (!unusable_.contains({version, peer})) send_empty(version, peer);
  });
}

DeviceInfo Omemo::own_device() const {
  DeviceInfo info;
  info.owner = connection_.account();
  info.device = device_->id();
  info.fingerprint = device_->identity().fingerprint();
  info.trust = Trust::verified;
  info.own = info.legacy = info.v2 = true;
  return info;
}

std::vector<DeviceInfo> Omemo::devices(const xmpp::Jid& jid) const {
  std::map<uint32_t, DeviceInfo> found;
  const auto entry = [&](uint32_t id) -> DeviceInfo& {
    auto& info = found[id];
    info.owner = jid.bare();
    info.device = id;
    return info;
  };
  for (const auto id : lists_.devices(Version::legacy, jid)) entry(id).legacy = true;
  for (const auto id : lists_.devices(Version::v2, jid)) entry(id).v2 = true;
  if (const auto identities = device_->identities(jid.bare_text())) {
    for (const auto& [address, identity] : *identities) {
      auto& info = entry(address.device);
      info.trust = identity.trust;
      if (const auto key = crypto::omemo::IdentityKey::from_curve(identity.key)) info.fingerprint = key->fingerprint();
    }
  }
  if (jid.same_bare(connection_.account())) found[device_->id()] = own_device();
  std::vector<DeviceInfo> result;
  for (auto& [id, info] : found) result.push_back(std::move(info));
  return result;
}

Status Omemo::set_trust(const xmpp::Jid& jid, std::string_view which, Trust trust) {
  const std::string wanted = only_hex(which);
  for (const auto& device : devices(jid)) {
    if (device.own || device.fingerprint.empty()) continue;
    if (std::to_string(device.device) != which && only_hex(device.fingerprint) != wanted) continue;
    reported_.erase({std::string(jid.bare_text()), device.device});
    return device_->set_trust({std::string(jid.bare_text()), device.device}, trust);
  }
  return fail(Failure::not_found, "no device of " + std::string(jid.bare_text()) + " has this fingerprint or number");
}

}  // namespace rookery::client
