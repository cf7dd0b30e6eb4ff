// OMEMO's XML in both versions (XEP-0384 0.8 and 0.3): device lists, bundles, encrypted messages; and the envelope that
// version 2 encrypts (Stanza Content Encryption, XEP-0420). The cryptography is in crypto/omemo/omemo.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/omemo/omemo.h"
#include "xmpp/element.h"
#include "xmpp/jid.h"

namespace rookery::xmpp::omemo {

using crypto::omemo::Bundle;
using crypto::omemo::EncryptedMessage;
using crypto::omemo::Version;

/// The PEP node of the device list and its only item's id.
std::string_view devices_node(Version version);
inline constexpr std::string_view devices_item = "current";
/// Version 2 has one node with an item per device, legacy a node per device: the bundle of `device` is bundle_item()
/// there.
std::string bundles_node(Version version, uint32_t device);
std::string bundle_item(Version version, uint32_t device);

/// `<devices/>` or the legacy `<list/>`; ids that are no device id and repetitions are left out. Labels are ignored:
/// they are worth nothing without their signature.
std::vector<uint32_t> parse_device_list(Version version, const Element& list);
void add_device_list(Element& parent, Version version, const std::vector<uint32_t>& devices);

/// Failure::invalid for a bundle with missing or malformed parts; at most 1,000 prekeys are read.
Result<Bundle> parse_bundle(Version version, const Element& bundle);
void add_bundle(Element& parent, const Bundle& bundle);

/// The version of an `<encrypted/>` element, or nothing if it is none.
std::optional<Version> encrypted_version(const Element& element);
/// The `<encrypted/>` child of a message, version 2 before legacy; null when there is none.
const Element* find_encrypted(const Element& message);
/// Failure::invalid when malformed. Keys that cannot be read are left out: they are hardly ours.
Result<EncryptedMessage> parse_encrypted(const Element& encrypted);
void add_encrypted(Element& parent, const EncryptedMessage& message);

/// XEP-0420 with the profile of XEP-0384 §5.5.1.
struct Envelope {
  ElementPtr content;  ///< `<content/>` with the encrypted children of the message
  Jid from;            ///< bare JID of the sender; empty when not said
  Jid to;              ///< bare JID of the recipient or room; empty when not said
  std::string time;    ///< XEP-0082 DateTime; empty when not said

  /// With an empty `<content/>` to add to.
  static Envelope make(const Jid& from, const Jid& to);
  /// `root` is the parsed plaintext. Failure::invalid when it is no envelope or names no valid JID.
  static Result<Envelope> parse(const Element& root);
  /// The plaintext to encrypt: padded to at least 256 bytes plus a random 0 to 200 (XEP-0420 §4).
  std::string to_xml() const;
  /// Does it belong into the stanza it came in? Failure::denied if `from` or `to` differ, or if `to` is absent in a
  /// room (a private message could be turned into a public one). `sender` in a room: the occupant's real JID.
  Status check(const Jid& sender, const Jid& recipient, bool groupchat) const;
};

}  // namespace rookery::xmpp::omemo
