// The server's side of SASL (RFC 4422, RFC 6120 §6): bytes in, steps out. No sockets, no storage.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/scram.h"
#include "xmpp/sasl/sasl.h"

namespace rookery::xmpp {

/// What this stream may offer.
struct SaslOptions {
  std::vector<Mechanism> mechanisms;  ///< allowed by config, in order of preference
  ChannelBindings bindings;           ///< empty on a stream without TLS: then no -PLUS is offered
  std::string external_identity;      ///< bare JID or domain proven by the peer's certificate; empty: no EXTERNAL
  std::string domain;                 ///< of the accounts: an authzid has to be username@domain; empty: none is taken
  std::string stream_from;            ///< the stream's "from", if any: an authzid has to be that too (XEP-0388 §4.7)
  std::string tls_version;            ///< XEP-0515, four hexadecimal digits; empty without TLS
  std::string nonce_for_tests;        ///< instead of a random one, for known answers
};

/// What the account store knows of a user: one set of keys per hash.
struct SaslCredentials {
  std::vector<crypto::ScramKeys> keys;
  bool is_decoy = false;  ///< the account does not exist or is disabled: work as usual, then fail (REQUIREMENTS 11)
};

struct SaslStep {
  enum class Kind {
    challenge,         ///< send `data` as <challenge/>
    need_credentials,  ///< look up username(), then call credentials()
    success,           ///< send `data` as <success/> (may be empty: then no content)
    failure,           ///< send `error` as <failure/>
  };
  Kind kind = Kind::failure;
  std::string data;  ///< raw bytes; base64 is the caller's
  SaslError error = SaslError::not_authorized;
};

/// One authentication attempt; make a new one for the next.
class SaslServer {
 public:
  explicit SaslServer(SaslOptions options);
  ~SaslServer();

  /// RFC 6120 §6.3.3: the mechanism names to offer, with -PLUS variants where a binding exists.
  static std::vector<std::string_view> offered(const SaslOptions& options);
  /// XEP-0440: the binding types to announce beside them. Announce them whenever this is not empty: XEP-0474 signs
  /// both.
  static std::vector<std::string_view> offered_bindings(const SaslOptions& options);

  /// `initial` is nullopt when the client sent none, "" for "=".
  SaslStep start(std::string_view mechanism_name, std::optional<std::string> initial);
  SaslStep respond(std::string_view response);
  /// The answer to need_credentials. For PLAIN it derives keys (tens of milliseconds): call it off the event loop then.
  SaslStep credentials(const SaslCredentials& credentials);
  bool is_costly() const;  ///< true when credentials() derives keys (PLAIN)

  /// The prepared localpart, valid from need_credentials on. For EXTERNAL, which goes straight to success, the
  /// localpart of external_identity, or the identity itself where it is a domain.
  const std::string& username() const;
  /// The mechanism in use, e.g. "SCRAM-SHA-256-PLUS".
  std::string_view mechanism_name() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rookery::xmpp
