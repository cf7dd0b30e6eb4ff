// The client's way through SASL2 (XEP-0388): the password once, then tokens (FAST, XEP-0484), and resuming in the same
// round trip (XEP-0198 §9). Elements in, elements out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"
#include "crypto/secret.h"
#include "xmpp/element.h"
#include "xmpp/sasl/fast.h"
#include "xmpp/sasl/sasl_client.h"

namespace rookery::client {

/// What the server gave us to log in with, kept in memory only: for the next connections of this process.
struct LoginToken {
  std::string mechanism;
  crypto::Secret secret;
  xmpp::TimePoint expires{};
};

class Sasl2Login {
 public:
  /// From the features of a stream with TLS; nullopt when the server does not offer SASL2.
  static std::optional<Sasl2Login> offered(const xmpp::Element& features);

  struct Identity {
    std::string_view username, password;
    std::string_view agent_id;  ///< a UUID; empty: no token is asked for
  };
  /// `<authenticate/>`. By token where there is one that fits; never by one that is bound less than the connection
  /// could be. `resume` is `<resume/>` as XML, or empty; it is left out where the server would not take it here.
  Result<std::string> authenticate(const Identity& identity, const xmpp::ChannelBindings& bindings,
                                   const std::optional<LoginToken>& token, const std::string& resume);
  /// The answer to `<challenge/>`, as XML.
  Result<std::string> on_challenge(const xmpp::Element& challenge);
  /// Checks that the server has proven what it has to.
  Status on_success(const xmpp::Element& success);
  /// The token out of `<success/>`.
  std::optional<LoginToken> new_token(const xmpp::Element& success) const;

  bool by_token() const { return !token_answer_.empty(); }
  bool resumes() const { return resumes_; }
  const std::string& mechanism() const { return mechanism_; }
  std::string_view binding() const;

 private:
  std::string token_wish(const xmpp::ChannelBindings& bindings) const;

  std::vector<std::string> mechanisms_, bindings_, fast_;
  bool inline_resume_ = false;
  bool resumes_ = false;
  std::unique_ptr<xmpp::SaslClient> password_;
  std::string mechanism_;
  std::string token_answer_;  ///< what proves that the server knows the token
  std::string wish_;
};

}  // namespace rookery::client
