// SASL on a client's stream (RFC 6120 §6), and the move to the loop that owns the account.
#include "server/edge/client_auth.h"

#include <algorithm>

#include "crypto/hash.h"
#include "server/cluster/cluster.h"
#include "server/edge/auth_backoff.h"
#include "server/edge/client_stream.h"
#include "server/log.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {
constexpr int most_sasl_failures = 3;  // REQUIREMENTS 2
// Attempts that end before a credential was looked at are no guesses: slixmpp tries each -PLUS mechanism with
// tls-unique, which TLS 1.3 does not have, before it takes one without.
constexpr int most_false_starts = 8;

std::string sasl_failure(xmpp::SaslError error) {
  return "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><" + std::string(to_string(error)) + "/></failure>";
}
}  // namespace

crypto::ScramKeys decoy_keys(const std::vector<storage::KeyKind>& kinds, const storage::KeyKind& usual,
                             std::string_view secret, std::string_view name) {
  // The highest of the draws wins, so that one more kind changes few of the names.
  const auto draw = [&](const storage::KeyKind& kind) {
    std::string text = "kind " + std::to_string(kind.iterations) + " " + std::to_string(kind.salt_bytes);
    return crypto::hmac(crypto::Hash::sha256, secret, text + '\0' + std::string(name));
  };
  storage::KeyKind chosen = usual;
  std::string highest = draw(usual);
  for (const auto& kind : kinds) {
    if (kind.hash != usual.hash) continue;
    std::string drawn = draw(kind);
    if (drawn <= highest) continue;
    highest = std::move(drawn);
    chosen = kind;
  }
  return crypto::decoy_scram_keys(chosen.hash, secret, name, chosen.iterations, chosen.salt_bytes);
}

Result<FoundCredentials> read_credentials(storage::Stores& stores, const Node& node, const xmpp::Jid& jid) {
  auto account = stores.accounts().find(jid);
  if (!account && account.error().failure != Failure::not_found) return std::unexpected<Error>(account.error());
  FoundCredentials found;
  found.credentials.is_decoy = !account;
  found.is_disabled = account && account->disabled;
  if (!found.credentials.is_decoy) found.credentials.keys = std::move(account->keys);
  // REQUIREMENTS 11: an unknown name looks like any other until the proof fails; so does a hash that an account lacks.
  for (const auto hash : {crypto::Hash::sha1, crypto::Hash::sha256, crypto::Hash::sha512}) {
    if (std::ranges::find(found.credentials.keys, hash, &crypto::ScramKeys::hash) != found.credentials.keys.end())
      continue;
    if (!found.credentials.is_decoy) found.lacking.push_back(hash);
    const storage::KeyKind usual{
        .hash = hash, .iterations = node.config().scram_iterations, .salt_bytes = crypto::scram_salt_size};
    found.credentials.keys.push_back(decoy_keys(node.key_kinds(), usual, node.decoy_secret(), jid.text()));
  }
  return found;
}

void ClientStream::on_sasl(const xmpp::Element& element) {
  const auto name = element.name();
  if (name == "abort") {
    sasl_.reset();
    return on_sasl_step({.kind = xmpp::SaslStep::Kind::failure, .data = {}, .error = xmpp::SaslError::aborted});
  }
  const std::string text = element.text();
  std::optional<std::string> data;
  if (text == "=") {
    data = "";  // RFC 6120 §6.4.2: an initial response of zero length
  } else if (!text.empty()) {
    auto decoded = crypto::base64_decode(text);
    if (!decoded)
      return on_sasl_step(
          {.kind = xmpp::SaslStep::Kind::failure, .data = {}, .error = xmpp::SaslError::incorrect_encoding});
    data = std::move(*decoded);
  }
  if (name == "auth" && state_ == State::features_sent) {
    sasl2_.reset();
    sasl_ = std::make_unique<xmpp::SaslServer>(sasl_options());
    state_ = State::authenticating;
    return on_sasl_step(sasl_->start(element.attr("mechanism"), std::move(data)));
  }
  if (name == "response" && state_ == State::authenticating && sasl_)
    return on_sasl_step(sasl_->respond(data.value_or("")));
  fail(xmpp::StreamCondition::not_authorized);
}

void ClientStream::on_sasl_step(xmpp::SaslStep step) {
  using Kind = xmpp::SaslStep::Kind;
  switch (step.kind) {
    case Kind::challenge:
      return wire_->send("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" + crypto::base64_encode(step.data) +
                         "</challenge>");
    case Kind::need_credentials:
      return look_up_credentials();
    case Kind::success:
      if (is_disabled_) return account_is_disabled([](xmpp::SaslError error) { return sasl_failure(error); });
      wire_->send(step.data.empty() ? "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
                                    : "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" +
                                          crypto::base64_encode(step.data) + "</success>");
      return authenticated();
    case Kind::failure:
      return attempt_failed(step.error, sasl_failure(step.error));
  }
}

void ClientStream::attempt_failed(xmpp::SaslError error, std::string answer) {
  sasl_.reset();  // an attempt of SASL2 stays until the next one: it is what calls
  state_ = State::features_sent;
  const bool is_guess = std::exchange(credentials_asked_, false);
  if (!is_guess) return refuse_attempt(error, false, answer);
  ++node_.failed_logins;
  const auto delay = node_.backoff().failed(attempted_, peer_ip_, loop_->now());
  wait();
  answer_held_ = true;
  // Weak: whoever hangs up instead of waiting leaves nothing behind.
  loop_->after(delay, [weak = weak_from_this(), error, answer = std::move(answer)] {
    const auto self = weak.lock();
    if (!self || self->state_ == State::closed) return;
    self->answer_held_ = false;
    self->refuse_attempt(error, true, answer);
    self->go_on();
  });
}

void ClientStream::refuse_attempt(xmpp::SaslError error, bool is_guess, const std::string& answer) {
  wire_->send(answer);
  if (++(is_guess ? sasl_failures_ : false_starts_) < (is_guess ? most_sasl_failures : most_false_starts)) return;
  log::info("authentication_failed", {{"ip", peer_ip_}, {"reason", std::string(to_string(error))}});
  fail(xmpp::StreamCondition::policy_violation, "Too many failed attempts");
}

void ClientStream::account_is_disabled(const std::function<std::string(xmpp::SaslError)>& words) {
  // RFC 6120 §6.5.1. The password was right: nobody guessed, and nobody else hears it (REQUIREMENTS 11).
  credentials_asked_ = false;
  attempt_failed(xmpp::SaslError::account_disabled, words(xmpp::SaslError::account_disabled));
}

void ClientStream::look_up_credentials() {
  const auto jid = xmpp::Jid::make(sasl_->username(), domain_);
  if (!jid) {
    begin_guess({}, {});
    return on_credentials(
        {.kind = xmpp::SaslStep::Kind::failure, .data = {}, .error = xmpp::SaslError::not_authorized});
  }
  begin_guess(*jid, [this] { check_credentials(); });
}

void ClientStream::begin_guess(xmpp::Jid account, std::function<void()> then) {
  wait();
  credentials_asked_ = true;
  attempted_ = std::move(account);
  if (!then) return;
  // REQUIREMENTS 14: other connections have just failed for this account.
  const auto pause = node_.backoff().pause(attempted_, peer_ip_, loop_->now());
  if (pause <= Clock::duration::zero()) return then();
  loop_->after(pause, [weak = weak_from_this(), then = std::move(then)] {
    const auto self = weak.lock();
    if (self && self->state_ != State::closed) then();
  });
}

void ClientStream::check_credentials() {
  const xmpp::SaslStep not_now{
      .kind = xmpp::SaslStep::Kind::failure, .data = {}, .error = xmpp::SaslError::temporary_auth_failure};
  node_.stores().run([this, self = shared_from_this(),
                      jid = attempted_](storage::Stores& stores) { return read_credentials(stores, node_, jid); },
                     [this, self = shared_from_this(), not_now](Result<FoundCredentials> found) {
                       if (state_ == State::closed) return;
                       if (!found) {
                         credentials_asked_ = false;  // nobody guessed
                         return on_credentials(not_now);
                       }
                       is_disabled_ = found->is_disabled;
                       if (!sasl_->is_costly()) return on_credentials(sasl_->credentials(found->credentials));
                       node_.derivations().try_run(
                           [this, self, found = std::move(found->credentials)]() -> Result<xmpp::SaslStep> {
                             return sasl_->credentials(found);
                           },
                           [this, self, not_now](Result<xmpp::SaslStep> step) {
                             if (state_ == State::closed) return;
                             if (!step) credentials_asked_ = false;
                             on_credentials(step ? *step : not_now);
                           });
                     });
}

void ClientStream::on_credentials(xmpp::SaslStep step) {
  on_sasl_step(std::move(step));
  if (waiting_ && !answer_held_ && state_ != State::authenticated) go_on();
}

void ClientStream::authenticated() {
  auto account = xmpp::Jid::make(sasl_->username(), domain_);
  ensure(account.has_value());
  sasl_.reset();
  state_ = State::authenticated;
  xmpp::ParserLimits limits;
  limits.stanza_bytes = node_.config().stanza_bytes;
  wire_->restart(limits);
  enter_account(std::move(*account), [this] { go_on(); });
}

void ClientStream::enter_account(xmpp::Jid account, std::function<void()> then) {
  account_ = std::move(account);
  node_.backoff().succeeded(account_, peer_ip_);
  ++node_.logins;
  wire_->on_authenticated();
  end_deadline();
  wait();
  move_to_owner(std::move(then));
}

void ClientStream::move_to_owner(std::function<void()> then) {
  // The home of another node is as far from every loop of ours.
  const bool is_here = node_.cluster() == nullptr || node_.cluster()->owns(shard_of(account_.bare_text()));
  Loop& owner = is_here ? node_.router().owner(account_.bare_text()) : *loop_;
  loop_->at_turn_end([this, self = shared_from_this(), &owner, then = std::move(then)]() mutable {
    if (state_ == State::closed) return;
    auto origin = place_.leave_for_another_loop();
    auto arrived = [this, self, origin = std::move(origin), then = std::move(then)]() mutable {
      arrive(std::move(origin));
      then();
    };
    if (&owner == loop_) return arrived();
    loop_ = &owner;
    wire_->move_to(owner, std::move(arrived));
  });
}

// Who has logged in and binds nothing holds a place that is meant for those who come, and no longer than they may.
void ClientStream::arrive(ConnectionLimits::Origin origin) {
  if (!origin.network.empty()) place_ = node_.limits().enter(std::move(origin), *loop_, [this] { evict(); });
  start_deadline(Clock::now() + node_.config().auth_timeout);
}

void ClientStream::end_sasl2() {
  xmpp::ParserLimits limits;
  limits.stanza_bytes = node_.config().stanza_bytes;
  wire_->set_limits(limits);
  state_ = State::authenticated;
  if (session_ != nullptr) bound(*session_);
  sasl2_.reset();
}

}  // namespace rookery::server
