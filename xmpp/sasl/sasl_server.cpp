#include "xmpp/sasl/sasl_server.h"

#include <algorithm>

#include "crypto/random.h"
#include "crypto/secret.h"
#include "xmpp/jid.h"
#include "xmpp/sasl/mechanisms.h"
#include "xmpp/sasl/scram_messages.h"

namespace rookery::xmpp {
namespace {

constexpr size_t nonce_entropy_bytes = 24;

SaslStep failure(SaslError error) { return {.kind = SaslStep::Kind::failure, .data = {}, .error = error}; }
SaslStep challenge(std::string data) { return {.kind = SaslStep::Kind::challenge, .data = std::move(data)}; }
SaslStep need_credentials() { return {.kind = SaslStep::Kind::need_credentials, .data = {}}; }
SaslStep success(std::string data = {}) { return {.kind = SaslStep::Kind::success, .data = std::move(data)}; }

}  // namespace

struct SaslServer::State {
  enum class Stage { fresh, first_message, credentials, scram_final, over };

  SaslOptions options;
  Stage stage = Stage::fresh;
  Mechanism mechanism = Mechanism::plain;
  std::string_view name;
  std::string username;
  crypto::Secret password;  // PLAIN
  scram::ClientFirst client_first;
  std::string nonce;         // of both sides
  std::string server_first;  // as sent
  crypto::ScramKeys keys;
  bool is_decoy = false;

  bool uses_binding() const { return name.ends_with("-PLUS"); }

  SaslStep on_first_message(std::string_view text) {
    switch (mechanism) {
      case Mechanism::plain:
        return on_plain(text);
      case Mechanism::external:
        return on_external(text);
      default:
        return on_client_first(text);
    }
  }

  /// Takes the name over as the account's localpart; Jid refuses what cannot be one ("@", "/", …).
  std::optional<SaslError> identify(std::string_view name_text, std::string_view authzid) {
    const auto jid = Jid::make(name_text, options.domain.empty() ? "invalid" : options.domain);
    if (!jid || !jid->has_local()) return SaslError::not_authorized;
    username = jid->local();
    if (authzid.empty()) return std::nullopt;
    // REQUIREMENTS 10: nobody acts for somebody else.
    const auto wanted = Jid::parse(authzid);
    if (options.domain.empty() || !wanted || *wanted != *jid) return SaslError::invalid_authzid;
    if (options.stream_from.empty()) return std::nullopt;
    const auto from = Jid::parse(options.stream_from);
    if (!from || from->bare() != *jid) return SaslError::invalid_authzid;
    return std::nullopt;
  }

  // RFC 4616 §2: [authzid] NUL authcid NUL passwd
  SaslStep on_plain(std::string_view text) {
    const size_t first = text.find('\0');
    const size_t second = first == std::string_view::npos ? first : text.find('\0', first + 1);
    if (second == std::string_view::npos) return failure(SaslError::malformed_request);
    const std::string_view name_text = text.substr(first + 1, second - first - 1);
    const std::string_view password_text = text.substr(second + 1);
    if (name_text.empty() || password_text.empty() || password_text.find('\0') != std::string_view::npos) {
      return failure(SaslError::malformed_request);
    }
    if (const auto error = identify(name_text, text.substr(0, first))) return failure(*error);
    auto prepared = prepare_opaque_string(password_text);
    if (!prepared) return failure(SaslError::not_authorized);
    password = crypto::Secret(std::move(*prepared));
    stage = Stage::credentials;
    return need_credentials();
  }

  // RFC 4422 appendix A; XEP-0178.
  SaslStep on_external(std::string_view text) {
    const auto proven = Jid::parse(options.external_identity);
    if (!proven) return failure(SaslError::not_authorized);
    if (!text.empty()) {
      const auto wanted = Jid::parse(text);
      if (!wanted || *wanted != *proven) return failure(SaslError::invalid_authzid);
    }
    username = proven->has_local() ? proven->local() : proven->domain();
    return success();
  }

  SaslStep on_client_first(std::string_view text) {
    auto message = scram::parse_client_first(text);
    if (!message) return failure(SaslError::malformed_request);
    // RFC 5802 §6: "p" belongs to -PLUS and only there.
    if (uses_binding() != (message->flag == scram::BindingFlag::required)) return failure(SaslError::malformed_request);
    if (uses_binding() && !options.bindings.find(message->binding)) return failure(SaslError::not_authorized);
    // RFC 5802 §6: "y" says that no -PLUS was offered. It was, so somebody took it out of the list.
    if (message->flag == scram::BindingFlag::not_offered && !options.bindings.empty()) {
      return failure(SaslError::not_authorized);
    }
    if (const auto error = identify(message->username, message->authzid)) return failure(*error);
    client_first = std::move(*message);
    stage = Stage::credentials;
    return need_credentials();
  }

  SaslStep send_server_first(const SaslCredentials& credentials) {
    const auto hash = words_of(mechanism).hash;
    const auto found = std::find_if(credentials.keys.begin(), credentials.keys.end(),
                                    [&](const crypto::ScramKeys& candidate) { return candidate.hash == *hash; });
    if (found == credentials.keys.end()) return failure(SaslError::not_authorized);
    keys = *found;
    nonce = client_first.nonce +
            (options.nonce_for_tests.empty() ? crypto::random_token(nonce_entropy_bytes) : options.nonce_for_tests);
    server_first = scram::to_string({.nonce = nonce,
                                     .salt = keys.salt,
                                     .iterations = keys.iterations,
                                     .downgrade_hash = scram::downgrade_hash(*hash, SaslServer::offered(options),
                                                                             SaslServer::offered_bindings(options)),
                                     .tls_version = options.tls_version});
    stage = Stage::scram_final;
    return challenge(server_first);
  }

  SaslStep on_client_final(std::string_view text) {
    const auto message = scram::parse_client_final(text);
    if (!message || message->proof.size() != crypto::digest_size(keys.hash)) {
      return failure(SaslError::malformed_request);
    }
    std::string expected_binding = client_first.gs2_header;
    if (uses_binding()) expected_binding += *options.bindings.find(client_first.binding);
    const bool same_binding = crypto::equal_in_constant_time(message->channel_binding, expected_binding);
    const bool same_nonce = crypto::equal_in_constant_time(message->nonce, nonce);
    const std::string signed_text = client_first.bare + ',' + server_first + ',' + message->without_proof;
    const std::string signature = crypto::hmac(keys.hash, keys.stored_key, signed_text);
    const std::string client_key = scram::exclusive_or(message->proof, signature);
    const bool proven = crypto::equal_in_constant_time(crypto::digest(keys.hash, client_key), keys.stored_key);
    // All of it is computed before the verdict, so that its time does not tell which part was wrong.
    if (!same_binding || !same_nonce || !proven || is_decoy) return failure(SaslError::not_authorized);
    return success("v=" + crypto::base64_encode(crypto::hmac(keys.hash, keys.server_key, signed_text)));
  }

  SaslStep check_password(const SaslCredentials& credentials) {
    if (credentials.keys.empty()) return failure(SaslError::not_authorized);
    const bool matches = crypto::password_matches(credentials.keys.front(), password.reveal());
    password = {};
    return matches && !credentials.is_decoy ? success() : failure(SaslError::not_authorized);
  }

  // An attempt that has ended stays ended.
  SaslStep close_if_over(SaslStep step) {
    if (step.kind == SaslStep::Kind::failure || step.kind == SaslStep::Kind::success) stage = Stage::over;
    return step;
  }
};

SaslServer::SaslServer(SaslOptions options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
}
SaslServer::~SaslServer() = default;

std::vector<std::string_view> SaslServer::offered(const SaslOptions& options) {
  std::vector<std::string_view> names;
  for (const Mechanism mechanism : options.mechanisms) {
    const MechanismWords& words = words_of(mechanism);
    if (mechanism == Mechanism::external && options.external_identity.empty()) continue;
    if (!words.plus_name.empty() && !options.bindings.empty()) names.push_back(words.plus_name);
    names.push_back(words.name);
  }
  return names;
}

std::vector<std::string_view> SaslServer::offered_bindings(const SaslOptions& options) {
  std::vector<std::string_view> names;
  for (const std::string_view name : all_bindings) {
    if (options.bindings.find(name)) names.push_back(name);
  }
  return names;
}

SaslStep SaslServer::start(std::string_view mechanism_name, std::optional<std::string> initial) {
  ensure(state_->stage == State::Stage::fresh);
  const auto names = offered(state_->options);
  const auto name = std::find(names.begin(), names.end(), mechanism_name);
  if (name == names.end()) return state_->close_if_over(failure(SaslError::invalid_mechanism));
  state_->name = *name;
  for (const MechanismWords& words : all_mechanisms) {
    if (words.name == *name || words.plus_name == *name) state_->mechanism = words.mechanism;
  }
  state_->stage = State::Stage::first_message;
  // RFC 4422 §5: a mechanism in which the client speaks first is asked to by an empty challenge.
  if (!initial) return challenge({});
  return state_->close_if_over(state_->on_first_message(*initial));
}

SaslStep SaslServer::respond(std::string_view response) {
  switch (state_->stage) {
    case State::Stage::first_message:
      return state_->close_if_over(state_->on_first_message(response));
    case State::Stage::scram_final:
      return state_->close_if_over(state_->on_client_final(response));
    default:
      return state_->close_if_over(failure(SaslError::malformed_request));
  }
}

SaslStep SaslServer::credentials(const SaslCredentials& credentials) {
  ensure(state_->stage == State::Stage::credentials);
  state_->is_decoy = credentials.is_decoy;
  return state_->close_if_over(is_costly() ? state_->check_password(credentials)
                                           : state_->send_server_first(credentials));
}

bool SaslServer::is_costly() const { return state_->mechanism == Mechanism::plain; }

const std::string& SaslServer::username() const { return state_->username; }
std::string_view SaslServer::mechanism_name() const { return state_->name; }

}  // namespace rookery::xmpp
