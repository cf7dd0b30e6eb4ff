// The messages of SCRAM (RFC 5802 §7) as values; for the two SASL roles only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/hash.h"

namespace rookery::xmpp::scram {

/// What a client says about channel binding.
enum class BindingFlag {
  unsupported,  ///< "n": the client has none
  not_offered,  ///< "y": it has, and saw no -PLUS offered
  required,     ///< "p=": it uses the one that it names
};

struct ClientFirst {
  BindingFlag flag = BindingFlag::unsupported;
  std::string binding;     ///< the type's name with BindingFlag::required
  std::string authzid;     ///< unescaped, empty if none
  std::string gs2_header;  ///< as sent, with both commas
  std::string bare;        ///< what is signed
  std::string username;    ///< unescaped, not prepared
  std::string nonce;
};
/// nullopt for anything that RFC 5802 §7 does not allow, mandatory extensions ("m=") included.
std::optional<ClientFirst> parse_client_first(std::string_view text);

struct ServerFirst {
  std::string nonce;
  std::string salt;  ///< raw
  uint32_t iterations = 0;
  std::optional<std::string> downgrade_hash;  ///< XEP-0474, base64 as sent
  std::string tls_version;                    ///< XEP-0515, four hexadecimal digits; empty: not said
};
std::optional<ServerFirst> parse_server_first(std::string_view text);
std::string to_string(const ServerFirst& message);

struct ClientFinal {
  std::string channel_binding;  ///< raw: the GS2 header and the binding's data
  std::string nonce;
  std::string proof;          ///< raw
  std::string without_proof;  ///< what is signed
};
std::optional<ClientFinal> parse_client_final(std::string_view text);

/// RFC 5802 §5.1: ',' and '=' in names travel as "=2C" and "=3D".
std::string escape_name(std::string_view name);

/// XEP-0474 §5.1 (version 0.5), base64. `bindings` is empty where none were announced.
std::string downgrade_hash(crypto::Hash hash, std::vector<std::string_view> mechanisms,
                           std::vector<std::string_view> bindings);

/// RFC 5802 §3; both have the same size.
std::string exclusive_or(std::string_view a, std::string_view b);

}  // namespace rookery::xmpp::scram
