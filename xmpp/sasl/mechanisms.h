// The names of the mechanisms and what they need; for SASL and its profiles only.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "xmpp/sasl/sasl.h"

namespace rookery::xmpp {

struct MechanismWords {
  Mechanism mechanism;
  std::string_view name;
  std::string_view plus_name;        ///< empty: has no variant with channel binding
  std::optional<crypto::Hash> hash;  ///< of SCRAM
};

/// Strongest first.
inline constexpr std::array<MechanismWords, 5> all_mechanisms = {{
    {Mechanism::scram_sha_512, "SCRAM-SHA-512", "SCRAM-SHA-512-PLUS", crypto::Hash::sha512},
    {Mechanism::scram_sha_256, "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", crypto::Hash::sha256},
    {Mechanism::scram_sha_1, "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", crypto::Hash::sha1},
    {Mechanism::plain, "PLAIN", "", std::nullopt},
    {Mechanism::external, "EXTERNAL", "", std::nullopt},
}};

/// Strongest first: RFC 9266's binding is of this connection, RFC 5929's only of the server's certificate.
inline constexpr std::array<std::string_view, 2> all_bindings = {"tls-exporter", "tls-server-end-point"};

const MechanismWords& words_of(Mechanism mechanism);

}  // namespace rookery::xmpp
