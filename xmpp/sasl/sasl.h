// Shared words of both SASL roles.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crypto/scram.h"

namespace rookery::xmpp {

/// Without regard to channel binding; the -PLUS variants follow from ChannelBindings.
enum class Mechanism { scram_sha_512, scram_sha_256, scram_sha_1, plain, external };

/// Channel binding data of this TLS connection (raw bytes), empty where not available.
struct ChannelBindings {
  std::string tls_exporter;          ///< RFC 9266
  std::string tls_server_end_point;  ///< RFC 5929 §4
  std::string tls_unique = {};       ///< RFC 5929 §3: accepted by a server, never announced, offered or asked for
  /// Without what we announce.
  bool empty() const { return tls_exporter.empty() && tls_server_end_point.empty(); }
  /// The data for a binding's name ("tls-exporter", …), nullptr if unknown or not available.
  const std::string* find(std::string_view name) const;
};

/// RFC 6120 §6.5.
enum class SaslError {
  aborted,
  account_disabled,
  credentials_expired,
  encryption_required,
  incorrect_encoding,
  invalid_authzid,
  invalid_mechanism,
  malformed_request,
  mechanism_too_weak,
  not_authorized,
  temporary_auth_failure,
};
std::string_view to_string(SaslError error);
std::optional<SaslError> parse_sasl_error(std::string_view name);

}  // namespace rookery::xmpp
