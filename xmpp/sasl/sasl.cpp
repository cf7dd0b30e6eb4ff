#include "xmpp/sasl/sasl.h"

#include <array>

#include "xmpp/sasl/mechanisms.h"

namespace rookery::xmpp {
namespace {

constexpr std::array<std::pair<SaslError, std::string_view>, 11> error_names = {{
    {SaslError::aborted, "aborted"},
    {SaslError::account_disabled, "account-disabled"},
    {SaslError::credentials_expired, "credentials-expired"},
    {SaslError::encryption_required, "encryption-required"},
    {SaslError::incorrect_encoding, "incorrect-encoding"},
    {SaslError::invalid_authzid, "invalid-authzid"},
    {SaslError::invalid_mechanism, "invalid-mechanism"},
    {SaslError::malformed_request, "malformed-request"},
    {SaslError::mechanism_too_weak, "mechanism-too-weak"},
    {SaslError::not_authorized, "not-authorized"},
    {SaslError::temporary_auth_failure, "temporary-auth-failure"},
}};

}  // namespace

const std::string* ChannelBindings::find(std::string_view name) const {
  const std::string* data = name == "tls-exporter"           ? &tls_exporter
                            : name == "tls-server-end-point" ? &tls_server_end_point
                            : name == "tls-unique"           ? &tls_unique
                                                             : nullptr;
  return data && !data->empty() ? data : nullptr;
}

const MechanismWords& words_of(Mechanism mechanism) {
  for (const MechanismWords& words : all_mechanisms) {
    if (words.mechanism == mechanism) return words;
  }
  ensure(!"a mechanism without a name");
  return all_mechanisms[0];
}

std::string_view to_string(SaslError error) {
  for (const auto& [value, name] : error_names) {
    if (value == error) return name;
  }
  return "not-authorized";
}

std::optional<SaslError> parse_sasl_error(std::string_view name) {
  for (const auto& [value, known] : error_names) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace rookery::xmpp
