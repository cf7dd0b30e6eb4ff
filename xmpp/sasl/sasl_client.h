// The client's side of SASL (RFC 4422, RFC 5802, XEP-0474).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/sasl/sasl.h"

namespace rookery::xmpp {

struct SaslClientOptions {
  std::string username;
  std::string password;
  std::string authzid;
  ChannelBindings bindings;      ///< of the TLS connection; empty without TLS
  bool allow_plain = false;      ///< XEP-0474: only where SCRAM was never used with this account
  bool has_certificate = false;  ///< TLS showed a client certificate: EXTERNAL is preferred where offered
  uint32_t minimum_iterations = crypto::scram_minimum_iterations;
  std::string tls_version;      ///< XEP-0515, of our end of the connection; empty: not compared
  std::string nonce_for_tests;  ///< instead of a random one, for known answers
};

class SaslClient {
 public:
  /// `offered`: the server's mechanism names; `offered_bindings`: XEP-0440, empty when the server sent none.
  SaslClient(SaslClientOptions options, std::vector<std::string> offered, std::vector<std::string> offered_bindings);
  ~SaslClient();

  /// The strongest mechanism both sides can do; Failure::denied names what is missing.
  Result<std::string> choose();
  /// The initial response (raw bytes) for the chosen mechanism.
  std::string initial_response();
  /// Blocks for the iterations of PBKDF2 in SCRAM. The answer to a challenge, or why the server is not to be trusted
  /// (wrong nonce, too few iterations, downgrade).
  Result<std::string> respond(std::string_view challenge);
  /// Checks the server's proof in <success/>; for SCRAM a missing or wrong one is Failure::denied.
  Status finish(std::string_view success_data);
  /// The channel binding in use, e.g. "tls-exporter"; empty without.
  std::string_view binding() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rookery::xmpp
