// Entity Capabilities, XEP-0115.
#pragma once

#include "crypto/hash.h"
#include "xmpp/payloads/disco.h"

namespace rookery::xmpp {

/// `<c/>` in presence and stream features.
struct Caps {
  std::string hash, node, ver;

  /// nullopt when there is none, or one without hash (the legacy format, to be ignored) or with another part missing.
  static std::optional<Caps> find(const Element& parent);
  void add_to(Element& parent) const;
  /// The node to ask with disco#info, §6.2.
  std::string query_node() const { return node + "#" + ver; }
  bool operator==(const Caps&) const = default;
};

/// "sha-1", "sha-256", "sha-512"; nullopt for others, whose answers must not be cached (§5.4 step 2).
std::optional<crypto::Hash> parse_hash_name(std::string_view name);

/// The verification string of §5.1, Base64. Failure::invalid when the information is ill-formed by §5.4 step 3, or when
/// a part contains the separator '<', by which one set of capabilities could pass for another.
Result<std::string> caps_hash(const DiscoInfo& info, crypto::Hash hash = crypto::Hash::sha1);
/// §5.4: may this answer be cached for everyone who announces `caps`?
bool caps_match(const Caps& caps, const DiscoInfo& info);

}  // namespace rookery::xmpp
