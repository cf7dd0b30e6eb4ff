// Stanza errors (RFC 6120 §8.3) and stream errors (RFC 6120 §4.9).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "xmpp/element.h"

namespace rookery::xmpp {

enum class ErrorType { auth, cancel, continue_, modify, wait };

/// RFC 6120 §8.3.3, all defined conditions.
enum class Condition {
  bad_request,
  conflict,
  feature_not_implemented,
  forbidden,
  gone,
  internal_server_error,
  item_not_found,
  jid_malformed,
  not_acceptable,
  not_allowed,
  not_authorized,
  policy_violation,
  recipient_unavailable,
  redirect,
  registration_required,
  remote_server_not_found,
  remote_server_timeout,
  resource_constraint,
  service_unavailable,
  subscription_required,
  undefined_condition,
  unexpected_request,
};
std::string_view to_string(Condition condition);   ///< "bad-request"
Condition condition_named(std::string_view text);  ///< undefined_condition when it is none
ErrorType default_type(Condition condition);       ///< the type RFC 6120 §8.3.3 recommends

struct StanzaError {
  Condition condition = Condition::undefined_condition;
  std::string text;              ///< for people; may be empty
  std::string application_name;  ///< e.g. "precondition-not-met"; empty when there is none
  std::string application_ns;
  std::optional<ErrorType> type;    ///< default_type(condition) when not set
  std::string application_feature;  ///< XEP-0060: the `feature` of its `<unsupported/>`

  static std::optional<StanzaError> parse(const Element& stanza);
  /// Appends `<error/>` to the stanza.
  void add_to(Element& stanza) const;
};

/// The error answer to a message, presence or IQ (RFC 6120 §8.3.1): to and from swapped, type='error', same id;
/// the original's children are not echoed. Never call it for a stanza that is an error itself.
ElementPtr error_reply(const Element& stanza, const StanzaError& error);
/// An empty `<iq type='result'/>` answering `request`, to and from swapped.
ElementPtr result_reply(const Element& request);

/// RFC 6120 §4.9.3, all defined conditions.
enum class StreamCondition {
  bad_format,
  bad_namespace_prefix,
  conflict,
  connection_timeout,
  host_gone,
  host_unknown,
  improper_addressing,
  internal_server_error,
  invalid_from,
  invalid_namespace,
  invalid_xml,
  not_authorized,
  not_well_formed,
  policy_violation,
  remote_connection_failed,
  reset,
  resource_constraint,
  restricted_xml,
  see_other_host,
  system_shutdown,
  undefined_condition,
  unsupported_encoding,
  unsupported_stanza_type,
  unsupported_version,
};
std::string_view to_string(StreamCondition condition);
StreamCondition stream_condition_named(std::string_view text);  ///< undefined_condition when it is none

struct StreamError {
  StreamCondition condition = StreamCondition::undefined_condition;
  std::string text;
  std::string application;     ///< an application-specific condition (RFC 6120 §4.9.4) as XML, empty when there is none
  std::string to_xml() const;  ///< `<stream:error>…</stream:error>`, for a stream whose prefix is "stream"
};

}  // namespace rookery::xmpp
