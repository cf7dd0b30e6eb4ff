#include "xmpp/payloads/omemo.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "crypto/hash.h"
#include "xmpp/namespaces.h"

namespace rookery::xmpp::omemo {
namespace {

using crypto::base64_encode;
using crypto::omemo::EncryptedKey;

constexpr uint32_t highest_device_id = 0x7fffffff;
constexpr size_t pre_keys_read = 1000;

std::string_view ns_of(Version version) { return version == Version::legacy ? ns::omemo_legacy : ns::omemo; }

std::optional<uint32_t> parse_id(std::string_view text) {
  uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

std::optional<uint32_t> parse_device_id(std::string_view text) {
  const auto id = parse_id(text);
  if (!id || *id == 0 || *id > highest_device_id) return std::nullopt;
  return id;
}

/// Base64 as it is found in the wild: with line breaks. Nothing for malformed or empty content.
std::optional<std::string> parse_bytes(const Element* element) {
  if (!element) return std::nullopt;
  std::string text = element->text();
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
  auto raw = crypto::base64_decode(text);
  if (!raw || raw->empty()) return std::nullopt;
  return std::move(*raw);
}

/// Names of the parts of a bundle.
struct BundleNames {
  std::string_view signed_pre_key, signed_pre_key_id, signature, identity_key, pre_key, pre_key_id;
};
constexpr BundleNames legacy_names{"signedPreKeyPublic", "signedPreKeyId", "signedPreKeySignature",
                                   "identityKey",        "preKeyPublic",   "preKeyId"};
constexpr BundleNames v2_names{"spk", "id", "spks", "ik", "pk", "id"};

const BundleNames& names_of(Version version) { return version == Version::legacy ? legacy_names : v2_names; }

bool is_true(std::string_view text) { return text == "true" || text == "1"; }

void parse_keys(const Element& parent, std::string_view exchange_name, const std::string& jid,
                EncryptedMessage& message) {
  for (const Element& key : parent.elements()) {
    if (!key.is("key", parent.ns())) continue;
    const auto device = parse_device_id(key.attr("rid"));
    auto data = parse_bytes(&key);
    if (!device || !data) continue;
    message.keys.push_back({{jid, *device}, std::move(*data), is_true(key.attr(exchange_name))});
  }
}

void parse_keys_by_jid(const Element& header, EncryptedMessage& message) {
  for (const Element& keys : header.elements()) {
    if (!keys.is("keys", header.ns())) continue;
    const auto jid = Jid::parse(keys.attr("jid"));
    if (jid && jid->is_bare()) parse_keys(keys, "kex", jid->text(), message);
  }
}

void add_key(Element& parent, std::string_view exchange_name, const EncryptedKey& key) {
  Element& child = parent.add("key");
  child.set_attr("rid", std::to_string(key.recipient.device));
  if (key.key_exchange) child.set_attr(exchange_name, "true");
  child.add_text(base64_encode(key.data));
}

void add_keys_by_jid(Element& header, const std::vector<EncryptedKey>& keys) {
  std::map<std::string_view, Element*> groups;
  for (const EncryptedKey& key : keys) {
    Element*& group = groups[key.recipient.jid];
    if (!group) {
      group = &header.add("keys");
      group->set_attr("jid", key.recipient.jid);
    }
    add_key(*group, "kex", key);
  }
}

}  // namespace

std::string_view devices_node(Version version) {
  return version == Version::legacy ? "eu.siacs.conversations.axolotl.devicelist" : "urn:xmpp:omemo:2:devices";
}

std::string bundles_node(Version version, uint32_t device) {
  if (version == Version::legacy) return "eu.siacs.conversations.axolotl.bundles:" + std::to_string(device);
  return "urn:xmpp:omemo:2:bundles";
}

std::string bundle_item(Version version, uint32_t device) {
  return version == Version::legacy ? "current" : std::to_string(device);
}

std::vector<uint32_t> parse_device_list(Version version, const Element& list) {
  std::vector<uint32_t> devices;
  if (!list.is(version == Version::legacy ? "list" : "devices", ns_of(version))) return devices;
  for (const Element& device : list.elements()) {
    if (!device.is("device", list.ns())) continue;
    const auto id = parse_device_id(device.attr("id"));
    if (id && std::ranges::find(devices, *id) == devices.end()) devices.push_back(*id);
  }
  return devices;
}

void add_device_list(Element& parent, Version version, const std::vector<uint32_t>& devices) {
  Element& list = parent.add(version == Version::legacy ? "list" : "devices", ns_of(version));
  for (const uint32_t id : devices) list.add("device").set_attr("id", std::to_string(id));
}

Result<Bundle> parse_bundle(Version version, const Element& element) {
  const auto ns = ns_of(version);
  const BundleNames& names = names_of(version);
  if (!element.is("bundle", ns)) return fail(Failure::invalid, "no OMEMO bundle");
  const Element* signed_pre_key = element.child(names.signed_pre_key, ns);
  const Element* pre_keys = element.child("prekeys", ns);
  const auto signed_pre_key_id =
      signed_pre_key ? parse_id(signed_pre_key->attr(names.signed_pre_key_id)) : std::nullopt;
  auto signed_pre_key_data = parse_bytes(signed_pre_key);
  auto signature = parse_bytes(element.child(names.signature, ns));
  auto identity_key = parse_bytes(element.child(names.identity_key, ns));
  if (!signed_pre_key_id || !signed_pre_key_data || !signature || !identity_key || !pre_keys) {
    return fail(Failure::invalid, "an OMEMO bundle lacks a part");
  }

  Bundle bundle{
      version, *signed_pre_key_id, std::move(*signed_pre_key_data), std::move(*signature), std::move(*identity_key),
      {}};
  for (const Element& pre_key : pre_keys->elements()) {
    if (!pre_key.is(names.pre_key, ns) || bundle.pre_keys.size() >= pre_keys_read) continue;
    const auto id = parse_id(pre_key.attr(names.pre_key_id));
    auto data = parse_bytes(&pre_key);
    if (id && data) bundle.pre_keys.emplace(*id, std::move(*data));
  }
  if (bundle.pre_keys.empty()) return fail(Failure::invalid, "an OMEMO bundle has no prekeys");
  return bundle;
}

void add_bundle(Element& parent, const Bundle& bundle) {
  const BundleNames& names = names_of(bundle.version);
  Element& element = parent.add("bundle", ns_of(bundle.version));
  Element& signed_pre_key = element.add(names.signed_pre_key);
  signed_pre_key.set_attr(names.signed_pre_key_id, std::to_string(bundle.signed_pre_key_id));
  signed_pre_key.add_text(base64_encode(bundle.signed_pre_key));
  element.add_text_child(names.signature, base64_encode(bundle.signature));
  element.add_text_child(names.identity_key, base64_encode(bundle.identity_key));
  Element& pre_keys = element.add("prekeys");
  for (const auto& [id, key] : bundle.pre_keys) {
    Element& pre_key = pre_keys.add(names.pre_key);
    pre_key.set_attr(names.pre_key_id, std::to_string(id));
    pre_key.add_text(base64_encode(key));
  }
}

std::optional<Version> encrypted_version(const Element& element) {
  if (element.is("encrypted", ns::omemo)) return Version::v2;
  if (element.is("encrypted", ns::omemo_legacy)) return Version::legacy;
  return std::nullopt;
}

const Element* find_encrypted(const Element& message) {
  const Element* v2 = message.child("encrypted", ns::omemo);
  return v2 ? v2 : message.child("encrypted", ns::omemo_legacy);
}

Result<EncryptedMessage> parse_encrypted(const Element& encrypted) {
  const auto version = encrypted_version(encrypted);
  if (!version) return fail(Failure::invalid, "no OMEMO message");
  const Element* header = encrypted.child("header", encrypted.ns());
  const auto sender = header ? parse_device_id(header->attr("sid")) : std::nullopt;
  if (!sender) return fail(Failure::invalid, "an OMEMO message names no sending device");

  EncryptedMessage message{.version = *version, .sender_device = *sender};
  if (const Element* payload = encrypted.child("payload", encrypted.ns())) {
    // An empty text encrypts to an empty legacy payload, so this is not the same as an absent one.
    auto data = payload->text().empty() ? std::string() : parse_bytes(payload);
    if (!data) return fail(Failure::invalid, "the payload of an OMEMO message is not base64");
    message.payload = std::move(*data);
  }
  if (*version == Version::v2) {
    parse_keys_by_jid(*header, message);
    return message;
  }
  parse_keys(*header, "prekey", {}, message);
  message.iv = parse_bytes(header->child("iv", encrypted.ns())).value_or("");
  if (message.payload && message.iv.empty()) return fail(Failure::invalid, "a legacy OMEMO message has no IV");
  return message;
}

void add_encrypted(Element& parent, const EncryptedMessage& message) {
  Element& encrypted = parent.add("encrypted", ns_of(message.version));
  Element& header = encrypted.add("header");
  header.set_attr("sid", std::to_string(message.sender_device));
  if (message.version == Version::v2) {
    add_keys_by_jid(header, message.keys);
  } else {
    for (const EncryptedKey& key : message.keys) add_key(header, "prekey", key);
    header.add_text_child("iv", base64_encode(message.iv));
  }
  if (message.payload) encrypted.add_text_child("payload", base64_encode(*message.payload));
}

}  // namespace rookery::xmpp::omemo
