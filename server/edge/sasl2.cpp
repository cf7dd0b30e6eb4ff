#include "server/edge/sasl2.h"

#include <algorithm>

#include "crypto/hash.h"
#include "crypto/random.h"
#include "server/edge/client_auth.h"
#include "server/edge/client_stream.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/sasl/mechanisms.h"

namespace rookery::server {

namespace {

constexpr size_t longest_tag = 128;
constexpr size_t stable_suffix_length = 12;

/// XEP-0480: what an account may be upgraded to: what is better than the weakest on offer. Not only what is offered: an
/// operator who offers SCRAM-SHA-1 alone, since imported accounts have no other keys, waits for the others.
std::vector<std::string> upgrade_tasks(const xmpp::SaslOptions& options) {
  std::optional<crypto::Hash> weakest;
  for (const auto mechanism : options.mechanisms) {
    if (mechanism == xmpp::Mechanism::external) continue;  // no password
    const auto hash = xmpp::words_of(mechanism).hash.value_or(crypto::Hash::sha1);
    weakest = std::min(weakest.value_or(hash), hash);
  }
  std::vector<std::string> tasks;
  for (const auto& words : xmpp::all_mechanisms) {
    if (weakest && words.hash > weakest) tasks.push_back(xmpp::upgrade_task(words.name));
  }
  return tasks;
}

std::optional<crypto::Hash> hash_of_task(std::string_view task) {
  for (const auto& words : xmpp::all_mechanisms) {
    if (words.hash && task == xmpp::upgrade_task(words.name)) return words.hash;
  }
  return std::nullopt;
}

std::string name_of_task(crypto::Hash hash) {
  for (const auto& words : xmpp::all_mechanisms) {
    if (words.hash == hash) return xmpp::upgrade_task(words.name);
  }
  return {};
}

std::string sm_failed(std::optional<uint32_t> handled) {
  std::string out = "<failed xmlns='urn:xmpp:sm:3'";
  if (handled) out += " h='" + std::to_string(*handled) + "'";
  return out + "><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";
}

}  // namespace

std::string Sasl2::offer(const ClientStream& stream) {
  // XEP-0388 §3: only after TLS.
  if (!stream.wire_->is_encrypted()) return {};
  const auto options = stream.sasl_options();
  xmpp::Sasl2Offer offer;
  offer.mechanisms = xmpp::SaslServer::offered(options);
  if (offer.mechanisms.empty()) return {};
  offer.fast_mechanisms = xmpp::fast_mechanisms(options.bindings);
  offer.upgrades = upgrade_tasks(options);
  offer.bind_features.emplace_back(xmpp::ns::sm);
  for (const auto& entry : stream.node_.features().bind_handlers()) offer.bind_features.push_back(entry.feature);
  return offer.to_xml();
}

xmpp::SaslOptions Sasl2::options() const {
  auto options = stream_.sasl_options();
  options.stream_from = stream_.from_;
  return options;
}

xmpp::FastPolicy Sasl2::policy() const {
  const auto& config = stream_.node_.config();
  return {.lifetime = config.token_lifetime, .rotate_after = config.token_rotation};
}

void Sasl2::refuse(xmpp::SaslError error, std::string_view condition) {
  mechanism_.reset();
  stage_ = Stage::finishing;
  stream_.attempt_failed(error, xmpp::sasl2_failure(error, condition));
}

void Sasl2::on_element(const xmpp::Element& element) {
  const auto name = element.name();
  if (name == "authenticate" && stage_ == Stage::fresh) return start(element);
  if (stage_ != Stage::fresh && name == "abort") return refuse(xmpp::SaslError::aborted);
  if (name == "response" && stage_ == Stage::mechanism && mechanism_) {
    auto data = xmpp::parse_sasl_data(element);
    if (!data) return refuse(xmpp::SaslError::incorrect_encoding);
    return on_step(mechanism_->respond(*data));
  }
  if (name == "next" && stage_ == Stage::task_offered) return on_next(element);
  if (name == "task-data" && stage_ == Stage::task_running) return on_task_data(element);
  // XEP-0388 §2.4: anything else while this goes on ends the connection.
  stream_.fail(xmpp::StreamCondition::not_authorized);
}

void Sasl2::start(const xmpp::Element& authenticate) {
  stream_.state_ = ClientStream::State::authenticating;
  stage_ = Stage::mechanism;
  auto parsed = xmpp::Sasl2Request::parse(authenticate);
  if (!parsed) return refuse(parsed.error());
  request_ = std::move(*parsed);
  // XEP-0509 §2.2: it chose from features that are not those of today; nobody's fault.
  if (request_.config_version && *request_.config_version != stream_.config_version()) {
    return refuse(xmpp::SaslError::aborted, "<config-version-mismatch xmlns='urn:xmpp:iap:0'/>");
  }
  if (request_.token_wish && xmpp::fast_binding_data(*request_.token_wish, options().bindings) == nullptr) {
    return refuse(xmpp::SaslError::malformed_request);
  }
  // XEP-0484 §3.4: <fast/> says that this is a token, and only then is it one.
  if (request_.fast) return start_token(request_.initial_response.value_or(""));
  mechanism_ = std::make_unique<xmpp::SaslServer>(options());
  on_step(mechanism_->start(request_.mechanism, std::move(request_.initial_response)));
}

void Sasl2::start_token(std::string_view message) {
  const auto options = this->options();
  const std::string* binding = xmpp::fast_binding_data(request_.mechanism, options.bindings);
  if (binding == nullptr) return refuse(xmpp::SaslError::invalid_mechanism);
  const auto shown = xmpp::parse_hashed_token(message);
  if (!shown || request_.agent.id.empty()) return refuse(xmpp::SaslError::malformed_request);
  const auto account = xmpp::Jid::make(shown->username, options.domain);
  if (!account || !account->has_local()) return refuse(xmpp::SaslError::not_authorized);
  account_ = *account;
  FastRequest asked{.account = account_,
                    .agent = request_.agent,
                    .mechanism = request_.mechanism,
                    .proof = shown->proof,
                    .binding_data = *binding,
                    .fast = *request_.fast,
                    .token_wish = request_.token_wish.value_or("")};
  stream_.begin_guess(account_, [this, asked = std::move(asked)] { check_token(asked); });
}

void Sasl2::check_token(const FastRequest& asked) {
  stream_.node_.stores().run(
      [asked, policy = policy()](storage::Stores& stores) { return fast_login(stores, asked, policy); },
      [this, self = stream_.shared_from_this()](Result<FastLogin> login) {
        stream_.answered([&] { token_checked(std::move(login)); });
      });
}

void Sasl2::token_checked(Result<FastLogin> login) {
  if (!login) return fail_for_now();
  if (login->verdict == xmpp::FastVerdict::expired) return refuse(xmpp::SaslError::credentials_expired);
  if (login->verdict != xmpp::FastVerdict::accepted) return refuse(xmpp::SaslError::not_authorized);
  last_word_ = std::move(login->answer);
  logged_in(std::move(login->record));
}

void Sasl2::on_step(xmpp::SaslStep step) {
  using Kind = xmpp::SaslStep::Kind;
  switch (step.kind) {
    case Kind::challenge:
      return stream_.wire_->send(xmpp::sasl2_challenge(step.data));
    case Kind::need_credentials:
      return look_up_credentials();
    case Kind::success:
      return mechanism_done(std::move(step.data));
    case Kind::failure:
      return refuse(step.error);
  }
}

void Sasl2::look_up_credentials() {
  const auto jid = xmpp::Jid::make(mechanism_->username(), stream_.domain_);
  if (!jid) {
    stream_.begin_guess({}, {});
    return stream_.answered([this] { refuse(xmpp::SaslError::not_authorized); });
  }
  stream_.begin_guess(*jid, [this, jid = *jid] { check_credentials(jid); });
}

void Sasl2::check_credentials(const xmpp::Jid& account) {
  stream_.node_.stores().run([this, self = stream_.shared_from_this(), account](
                                 storage::Stores& stores) { return read_credentials(stores, stream_.node_, account); },
                             [this, self = stream_.shared_from_this()](Result<FoundCredentials> found) {
                               if (stream_.state_ == ClientStream::State::closed) return;
                               if (!found) return stream_.answered([this] { fail_for_now(); });
                               stream_.is_disabled_ = found->is_disabled;
                               lacking_ = std::move(found->lacking);
                               if (!mechanism_->is_costly())
                                 return stream_.answered([&] { on_step(mechanism_->credentials(found->credentials)); });
                               stream_.node_.derivations().try_run(
                                   [this, self, keys = std::move(found->credentials)]() -> Result<xmpp::SaslStep> {
                                     return mechanism_->credentials(keys);
                                   },
                                   [this, self](Result<xmpp::SaslStep> step) {
                                     stream_.answered([&] { step ? on_step(std::move(*step)) : fail_for_now(); });
                                   });
                             });
}

/// The world failed: nobody has guessed.
void Sasl2::fail_for_now() {
  stream_.credentials_asked_ = false;
  refuse(xmpp::SaslError::temporary_auth_failure);
}

void Sasl2::mechanism_done(std::string data) {
  if (stream_.is_disabled_) {
    mechanism_.reset();
    stage_ = Stage::finishing;
    return stream_.account_is_disabled([](xmpp::SaslError error) { return xmpp::sasl2_failure(error, {}); });
  }
  auto account = xmpp::Jid::make(mechanism_->username(), stream_.domain_);
  ensure(account.has_value());
  account_ = std::move(*account);
  mechanism_.reset();
  last_word_ = std::move(data);
  for (const auto& name : request_.upgrades) {
    const auto hash = hash_of_task(name);
    if (hash && std::ranges::find(lacking_, *hash) != lacking_.end()) tasks_.push_back(*hash);
  }
  if (!next_task()) record_login();
}

// XEP-0480 §2.2: one <continue/> with one task for each.
bool Sasl2::next_task() {
  if (tasks_.empty()) return false;
  stage_ = Stage::task_offered;
  stream_.wire_->send(xmpp::sasl2_continue(std::exchange(last_word_, {}), name_of_task(tasks_.front())));
  return true;
}

void Sasl2::on_next(const xmpp::Element& next) {
  if (next.attr("task") != name_of_task(tasks_.front())) return refuse(xmpp::SaslError::malformed_request);
  upgrade_ = {.hash = tasks_.front(),
              .salt = crypto::random_bytes(crypto::scram_salt_size),
              .iterations = stream_.node_.config().scram_iterations,
              .stored_key = {},
              .server_key = {}};
  stage_ = Stage::task_running;
  stream_.wire_->send(xmpp::upgrade_salt(upgrade_.salt, upgrade_.iterations));
}

void Sasl2::on_task_data(const xmpp::Element& task_data) {
  const auto salted = xmpp::parse_upgrade_hash(task_data);
  if (!salted || salted->size() != crypto::digest_size(upgrade_.hash))
    return refuse(xmpp::SaslError::malformed_request);
  store_upgrade(crypto::scram_keys_of_salted(upgrade_.hash, *salted, upgrade_.salt, upgrade_.iterations));
}

void Sasl2::store_upgrade(crypto::ScramKeys keys) {
  stream_.wait();
  stream_.node_.stores().run(
      [account = account_, keys = std::move(keys)](storage::Stores& stores) -> Status {
        const Status added = stores.accounts().add_keys(account, keys);
        // Another client has been faster: the keys of the same password are there.
        if (!added && added.error().failure == Failure::conflict) return {};
        return added;
      },
      [this, self = stream_.shared_from_this()](Status stored) {
        stream_.answered([&] {
          if (!stored) return fail_for_now();
          tasks_.erase(tasks_.begin());
          if (!next_task()) record_login();
        });
      });
}

void Sasl2::record_login() {
  stage_ = Stage::finishing;
  if (request_.agent.id.empty()) return logged_in({});
  stream_.wait();
  stream_.node_.stores().run(
      [account = account_, agent = request_.agent, wish = request_.token_wish.value_or(""), policy = policy()](
          storage::Stores& stores) { return record_password_login(stores, account, agent, wish, policy); },
      [this, self = stream_.shared_from_this()](Result<LoginRecord> record) {
        stream_.answered([&] {
          if (!record) return fail_for_now();
          logged_in(std::move(*record));
        });
      });
}

void Sasl2::logged_in(LoginRecord record) {
  stage_ = Stage::finishing;
  record_ = std::move(record);
  stream_.enter_account(account_, [this] { finish(); });
}

// XEP-0386 §3.2: resuming comes first, and where it works the wish to bind is ignored.
void Sasl2::finish() {
  if (!request_.resume) return bind();
  resume_session(stream_.node_, account_,
                 {.previous = request_.resume->previous_id, .handled = request_.resume->handled}, stream_,
                 [this, self = stream_.shared_from_this()](const ResumeOutcome& outcome) { resumed(outcome); });
}

void Sasl2::resumed(const ResumeOutcome& outcome) {
  if (outcome.error) return stream_.fail(*outcome.error);
  if (outcome.moved) return stream_.fail(xmpp::StreamCondition::reset);
  if (!outcome.known_account) return stream_.fail(xmpp::StreamCondition::not_authorized);
  if (outcome.session == nullptr) {
    resume_failed_ = sm_failed(outcome.handled);
    return bind();
  }
  // XEP-0198 §9.2: what was missed follows at once, and no features come.
  stream_.session_ = outcome.session;
  succeed(outcome.session->jid().text(), outcome.resumed, false);
}

void Sasl2::bind() {
  if (!request_.bind) return succeed(account_.text(), {}, true);
  const std::string wish = resource();
  request_.bind->remove_attr("client");
  if (!record_.client.empty()) request_.bind->set_attr("client", record_.client);
  bind_session(stream_.node_, account_, {.resource = wish, .options = request_.bind->to_xml()}, stream_,
               [this, self = stream_.shared_from_this()](const BindOutcome& outcome) { bound(outcome); });
}

void Sasl2::bound(const BindOutcome& outcome) {
  if (outcome.moved) return stream_.fail(xmpp::StreamCondition::reset);
  if (outcome.session == nullptr && !outcome.refused) return stream_.fail(xmpp::StreamCondition::not_authorized);
  // Where it is refused, the client hears why when it binds by RFC 6120: SASL2 has no words for it.
  if (outcome.session == nullptr) return succeed(account_.text(), {}, true);
  stream_.session_ = outcome.session;
  stream_.is_managed_ = outcome.xml.find("<enabled xmlns='urn:xmpp:sm:3'") != std::string::npos;
  succeed(outcome.session->jid().text(), "<bound xmlns='urn:xmpp:bind:0'>" + outcome.xml + "</bound>", true);
}

void Sasl2::succeed(std::string_view identity, const std::string& more, bool with_features) {
  stream_.wire_->send(xmpp::sasl2_success(last_word_, identity, token_element() + resume_failed_ + more));
  ClientStream& stream = stream_;
  stream.end_sasl2();  // `this` is gone
  if (with_features) stream.send_features();
  if (stream.session_ != nullptr) stream.session_->begin();
  stream.go_on();
}

std::string Sasl2::token_element() const {
  return record_.token ? xmpp::fast_token_element(record_.token->secret, record_.token->expires) : std::string();
}

// XEP-0386 §3.2.1: tag/generated, and the same client gets the same one again; its id cannot be told from it.
std::string Sasl2::resource() const {
  std::string tag = request_.bind->child_text("tag", xmpp::ns::bind2);
  if (tag.size() > longest_tag) tag.clear();
  std::string suffix = crypto::random_token();
  if (!request_.agent.id.empty()) {
    const std::string text =
        "resource" + std::string(1, '\0') + account_.text() + '\0' + request_.agent.id + '\0' + tag;
    suffix = crypto::hex_encode(crypto::hmac(crypto::Hash::sha256, stream_.node_.decoy_secret(), text))
                 .substr(0, stable_suffix_length);
  }
  const std::string wish = tag + "/" + suffix;
  return !tag.empty() && account_.with_resource(wish) ? wish : suffix;
}

}  // namespace rookery::server
