#include "xmpp/sasl/sasl_client.h"

#include <algorithm>

#include "crypto/random.h"
#include "crypto/secret.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/mechanisms.h"
#include "xmpp/sasl/scram_messages.h"

namespace rookery::xmpp {
namespace {

constexpr size_t nonce_entropy_bytes = 24;
/// More would let a server keep a client busy for minutes.
constexpr uint32_t maximum_iterations = 10'000'000;

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

struct SaslClient::State {
  enum class Stage { fresh, chosen, first_sent, final_sent, verified };

  SaslClientOptions options;
  std::vector<std::string> offered;
  std::vector<std::string> offered_bindings;
  Stage stage = Stage::fresh;
  const MechanismWords* words = nullptr;
  std::string binding;  // the type's name; not empty means -PLUS
  bool needs_downgrade_hash = false;
  std::string username;
  crypto::Secret password;
  std::string gs2_header;
  std::string nonce;
  std::string client_first_bare;
  std::string server_signature;

  bool plus_is_offered() const {
    return std::any_of(offered.begin(), offered.end(), [](const std::string& name) { return name.ends_with("-PLUS"); });
  }

  std::string common_binding() const {
    // RFC 9266 §3: tls-exporter is what a peer that names none expects with TLS 1.3.
    if (offered_bindings.empty()) return options.bindings.find(all_bindings[0]) ? std::string(all_bindings[0]) : "";
    for (const std::string_view name : all_bindings) {
      if (options.bindings.find(name) && contains(offered_bindings, name)) return std::string(name);
    }
    return {};
  }

  // Channel binding counts for more than the hash: it is what a stolen certificate cannot get around.
  Result<std::string> pick() {
    if (options.has_certificate && contains(offered, "EXTERNAL")) {
      words = &words_of(Mechanism::external);
      return std::string(words->name);
    }
    if (const std::string usable = common_binding(); !usable.empty()) {
      for (const MechanismWords& candidate : all_mechanisms) {
        if (candidate.plus_name.empty() || !contains(offered, candidate.plus_name)) continue;
        words = &candidate;
        binding = usable;
        return std::string(candidate.plus_name);
      }
    }
    for (const MechanismWords& candidate : all_mechanisms) {
      if (!candidate.hash || !contains(offered, candidate.name)) continue;
      words = &candidate;
      // XEP-0474 §6: no binding in common is fine only if the server's hash proves that nobody removed one.
      needs_downgrade_hash = plus_is_offered() && !options.bindings.empty();
      return std::string(candidate.name);
    }
    if (!contains(offered, "PLAIN")) return fail(Failure::denied, "the server offers no login method that we know");
    if (!options.allow_plain) {
      return fail(Failure::denied, "the server asks for the password itself (PLAIN), which is not allowed here");
    }
    words = &words_of(Mechanism::plain);
    return std::string(words->name);
  }

  std::string client_first() {
    // RFC 5802 §6: "y" lets a server that did offer -PLUS notice that its offer was cut.
    std::string flag = "n";
    if (!binding.empty()) {
      flag = "p=" + binding;
    } else if (!options.bindings.empty() && !plus_is_offered()) {
      flag = "y";
    }
    gs2_header = flag + ',' + (options.authzid.empty() ? "" : "a=" + scram::escape_name(options.authzid)) + ',';
    nonce = options.nonce_for_tests.empty() ? crypto::random_token(nonce_entropy_bytes) : options.nonce_for_tests;
    client_first_bare = "n=" + scram::escape_name(username) + ",r=" + nonce;
    return gs2_header + client_first_bare;
  }

  Status check_server_first(const scram::ServerFirst& message) const {
    if (!message.nonce.starts_with(nonce) || message.nonce.size() == nonce.size()) {
      return fail(Failure::denied, "the server's nonce does not continue ours");
    }
    if (message.iterations < options.minimum_iterations) {
      return fail(Failure::denied, "the server asks for too few iterations, which would expose the password");
    }
    if (message.iterations > maximum_iterations)
      return fail(Failure::denied, "the server asks for too many iterations");
    if (!options.tls_version.empty() && !message.tls_version.empty() && message.tls_version != options.tls_version) {
      return fail(Failure::denied, "somebody between here and the server speaks another version of TLS to each of us");
    }
    if (!message.downgrade_hash) {
      if (!needs_downgrade_hash) return {};
      return fail(Failure::denied, "no channel binding in common, and the server does not sign its list of them");
    }
    const std::vector<std::string_view> mechanisms(offered.begin(), offered.end());
    const std::vector<std::string_view> types(offered_bindings.begin(), offered_bindings.end());
    if (!crypto::equal_in_constant_time(*message.downgrade_hash,
                                        scram::downgrade_hash(*words->hash, mechanisms, types))) {
      return fail(Failure::denied, "somebody between here and the server has changed its list of login methods");
    }
    return {};
  }

  Result<std::string> client_final(std::string_view server_first) {
    const auto message = scram::parse_server_first(server_first);
    if (!message) return fail(Failure::denied, "the server's SCRAM message is malformed");
    if (const Status status = check_server_first(*message); !status) return std::unexpected(status.error());
    const crypto::Hash hash = *words->hash;
    std::string bound = gs2_header;
    if (!binding.empty()) bound += *options.bindings.find(binding);
    const std::string without_proof = "c=" + crypto::base64_encode(bound) + ",r=" + message->nonce;
    const std::string signed_text = client_first_bare + ',' + std::string(server_first) + ',' + without_proof;
    const crypto::Secret salted(
        crypto::scram_salted_password(hash, password.reveal(), message->salt, message->iterations));
    const crypto::Secret client_key(crypto::hmac(hash, salted.reveal(), "Client Key"));
    const std::string stored_key = crypto::digest(hash, client_key.reveal());
    const std::string proof = scram::exclusive_or(client_key.reveal(), crypto::hmac(hash, stored_key, signed_text));
    server_signature = crypto::hmac(hash, crypto::hmac(hash, salted.reveal(), "Server Key"), signed_text);
    password = {};
    stage = Stage::final_sent;
    return without_proof + ",p=" + crypto::base64_encode(proof);
  }

  Status verify(std::string_view server_final) {
    // server-final-message = (server-error / verifier) ["," extensions]
    const std::string_view first = server_final.substr(0, server_final.find(','));
    if (!first.starts_with("v=")) return fail(Failure::denied, "the server does not prove that it knows the account");
    const auto signature = crypto::base64_decode(first.substr(2));
    if (!signature || !crypto::equal_in_constant_time(*signature, server_signature)) {
      return fail(Failure::denied, "the server's proof is wrong: it is not the server that knows the account");
    }
    stage = Stage::verified;
    return {};
  }
};

SaslClient::SaslClient(SaslClientOptions options, std::vector<std::string> offered,
                       std::vector<std::string> offered_bindings)
    : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->offered = std::move(offered);
  state_->offered_bindings = std::move(offered_bindings);
}

SaslClient::~SaslClient() { crypto::cleanse(state_->options.password); }

Result<std::string> SaslClient::choose() {
  ensure(state_->stage == State::Stage::fresh);
  auto name = state_->pick();
  if (!name) return name;
  if (state_->words->mechanism != Mechanism::external) {
    auto username = prepare_username(state_->options.username);
    if (!username) return std::unexpected(username.error());
    auto password = prepare_opaque_string(state_->options.password);
    if (!password) return std::unexpected(password.error());
    state_->username = std::move(*username);
    state_->password = crypto::Secret(std::move(*password));
  }
  state_->stage = State::Stage::chosen;
  return name;
}

std::string SaslClient::initial_response() {
  ensure(state_->stage == State::Stage::chosen);
  state_->stage = State::Stage::first_sent;
  switch (state_->words->mechanism) {
    case Mechanism::external:
      return state_->options.authzid;
    case Mechanism::plain: {
      std::string message = state_->options.authzid + '\0' + state_->username + '\0';
      return message.append(state_->password.reveal());
    }
    default:
      return state_->client_first();
  }
}

Result<std::string> SaslClient::respond(std::string_view challenge) {
  if (!state_->words || !state_->words->hash) return fail(Failure::denied, "the server sent a challenge out of turn");
  if (state_->stage == State::Stage::first_sent) return state_->client_final(challenge);
  if (state_->stage != State::Stage::final_sent) {
    return fail(Failure::denied, "the server sent a challenge out of turn");
  }
  // RFC 6120 §6.4.3 leaves it to the server to send its proof as a last challenge, which is answered by nothing.
  if (const Status status = state_->verify(challenge); !status) return std::unexpected(status.error());
  return std::string();
}

Status SaslClient::finish(std::string_view success_data) {
  if (!state_->words || state_->stage < State::Stage::first_sent) {
    return fail(Failure::denied, "the server reports a success that nobody asked for");
  }
  if (!state_->words->hash || state_->stage == State::Stage::verified) return {};
  if (state_->stage != State::Stage::final_sent) {
    return fail(Failure::denied, "the server reports success before it could know the account");
  }
  return state_->verify(success_data);
}

std::string_view SaslClient::binding() const { return state_->binding; }

}  // namespace rookery::xmpp
