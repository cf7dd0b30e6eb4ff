// Bytes from the network into SASL, both roles: a server that is given a mechanism, an initial response and responses,
// and a client that is given a server's challenges. The input's first byte chooses; the rest is split at line feeds.
// REQ 36
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/sasl/fast.h"
#include "xmpp/sasl/sasl2.h"
#include "xmpp/sasl/sasl_client.h"
#include "xmpp/sasl/sasl_server.h"
#include "xmpp/stream_parser.h"

using namespace rookery;

namespace {

constexpr uint32_t iterations = crypto::scram_minimum_iterations;

const xmpp::SaslCredentials& credentials() {
  static const xmpp::SaslCredentials made = [] {
    xmpp::SaslCredentials all;
    for (const auto hash : {crypto::Hash::sha1, crypto::Hash::sha256, crypto::Hash::sha512}) {
      all.keys.push_back(crypto::derive_scram_keys(hash, "secret", std::string(16, 's'), iterations));
    }
    return all;
  }();
  return made;
}

std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> result(1);
  for (const char c : text) {
    if (c == '\n') {
      result.emplace_back();
    } else {
      result.back() += c;
    }
  }
  return result;
}

void serve(const std::vector<std::string>& input, bool bound) {
  using xmpp::Mechanism;
  xmpp::SaslOptions options;
  options.mechanisms = {Mechanism::scram_sha_512, Mechanism::scram_sha_256, Mechanism::scram_sha_1,
                        Mechanism::external};
  if (bound) options.bindings = {"exporter data", "end point data"};
  options.domain = "example.org";
  xmpp::SaslServer server(options);
  auto step = server.start(input.front(), input.size() > 1 ? std::optional(input[1]) : std::nullopt);
  for (size_t i = 2; i < input.size() + 2; ++i) {
    if (step.kind == xmpp::SaslStep::Kind::need_credentials) step = server.credentials(credentials());
    if (step.kind != xmpp::SaslStep::Kind::challenge || i >= input.size()) break;
    step = server.respond(input[i]);
  }
  // No input can know the nonce, so none may get in by SCRAM; EXTERNAL is not offered without an identity.
  if (step.kind == xmpp::SaslStep::Kind::success) __builtin_trap();
}

void be_client(const std::vector<std::string>& input) {
  xmpp::SaslClient client({.username = "juliet", .password = "secret", .authzid = {}, .bindings = {}},
                          {"SCRAM-SHA-1", "SCRAM-SHA-256"}, {});
  if (!client.choose()) __builtin_trap();
  (void)client.initial_response();
  // The nonce is random: what a fixed input says of it is wrong, so no challenge is ever answered.
  for (const auto& challenge : input) {
    if (client.respond(challenge)) __builtin_trap();
  }
  if (client.finish(input.back())) __builtin_trap();
}

/// An <authenticate/>, and the message of a token inside or instead of it.
void authenticate(std::string_view text) {
  const auto element = xmpp::parse_document(text);
  if (!element) {
    (void)xmpp::parse_hashed_token(text);
    return;
  }
  const auto request = xmpp::Sasl2Request::parse(**element);
  if (request && request->initial_response) (void)xmpp::parse_hashed_token(*request->initial_response);
  (void)xmpp::parse_upgrade_hash(**element);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > 4096) return 0;
  if (data[0] % 4 == 3) {
    authenticate({reinterpret_cast<const char*>(data) + 1, size - 1});
    return 0;
  }
  const auto input = lines({reinterpret_cast<const char*>(data) + 1, size - 1});
  if (data[0] % 3 == 2) {
    be_client(input);
  } else {
    serve(input, data[0] % 3 == 1);
  }
  return 0;
}
