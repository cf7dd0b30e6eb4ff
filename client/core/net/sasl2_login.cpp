#include "client/core/net/sasl2_login.h"

#include <algorithm>
#include <chrono>

#include "crypto/hash.h"
#include "xmpp/namespaces.h"
#include "xmpp/sasl/sasl2.h"

namespace rookery::client {

namespace ns = xmpp::ns;

namespace {

std::vector<std::string> mechanisms_in(const xmpp::Element& list) {
  std::vector<std::string> names;
  for (const auto& item : list.elements()) {
    if (item.is("mechanism", list.ns())) names.push_back(item.text());
  }
  return names;
}

Result<std::string> data_in(const xmpp::Element* element) {
  if (element == nullptr) return std::string();
  auto data = xmpp::parse_sasl_data(*element);
  if (!data) return fail(Failure::invalid, "the server's SASL data is not base64");
  return std::move(*data);
}

}  // namespace

std::optional<Sasl2Login> Sasl2Login::offered(const xmpp::Element& features) {
  const auto* offer = features.child("authentication", ns::sasl2);
  if (offer == nullptr) return std::nullopt;
  Sasl2Login login;
  login.mechanisms_ = mechanisms_in(*offer);
  if (login.mechanisms_.empty()) return std::nullopt;
  if (const auto* list = features.child("sasl-channel-binding", ns::sasl_channel_binding)) {
    for (const auto& item : list->elements()) {
      if (item.name() == "channel-binding") login.bindings_.emplace_back(item.attr("type"));
    }
  }
  if (const auto* inlined = offer->child("inline", ns::sasl2)) {
    login.inline_resume_ = inlined->child("sm", ns::sm) != nullptr;
    if (const auto* fast = inlined->child("fast", ns::fast)) login.fast_ = mechanisms_in(*fast);
  }
  return login;
}

// The strongest that both sides can do; fast_mechanisms() is in that order.
std::string Sasl2Login::token_wish(const xmpp::ChannelBindings& bindings) const {
  for (const auto name : xmpp::fast_mechanisms(bindings)) {
    if (std::ranges::find(fast_, name) != fast_.end()) return std::string(name);
  }
  return {};
}

Result<std::string> Sasl2Login::authenticate(const Identity& identity, const xmpp::ChannelBindings& bindings,
                                             const std::optional<LoginToken>& token, const std::string& resume) {
  wish_ = identity.agent_id.empty() ? std::string() : token_wish(bindings);
  std::string initial;
  std::string more;
  const bool fits =
      token && !wish_.empty() && token->mechanism == wish_ && token->expires > std::chrono::system_clock::now();
  if (fits) {
    const std::string& data = *xmpp::fast_binding_data(token->mechanism, bindings);
    mechanism_ = token->mechanism;
    initial = xmpp::hashed_token_message(identity.username, token->secret.reveal(), data);
    token_answer_ = xmpp::hashed_token_answer(token->secret.reveal(), data);
    more = "<fast xmlns='urn:xmpp:fast:0'/>";
  } else {
    token_answer_.clear();
    xmpp::SaslClientOptions options;
    options.username = identity.username;
    options.password = identity.password;
    options.bindings = bindings;
    password_ = std::make_unique<xmpp::SaslClient>(std::move(options), mechanisms_, bindings_);
    auto mechanism = password_->choose();
    if (!mechanism) return mechanism;
    mechanism_ = *mechanism;
    initial = password_->initial_response();
    if (!wish_.empty()) more = "<request-token xmlns='urn:xmpp:fast:0' mechanism='" + wish_ + "'/>";
  }
  if (!identity.agent_id.empty()) {
    more.append("<user-agent id='").append(identity.agent_id).append("'><software>rook-cli</software></user-agent>");
  }
  resumes_ = inline_resume_ && !resume.empty();
  if (resumes_) more += resume;
  return "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='" + mechanism_ + "'><initial-response>" +
         crypto::base64_encode(initial) + "</initial-response>" + more + "</authenticate>";
}

Result<std::string> Sasl2Login::on_challenge(const xmpp::Element& challenge) {
  if (by_token() || !password_) return fail(Failure::denied, "the server sent a challenge out of turn");
  const auto data = data_in(&challenge);
  if (!data) return data;
  const auto response = password_->respond(*data);
  if (!response) return response;
  return "<response xmlns='urn:xmpp:sasl:2'>" + crypto::base64_encode(*response) + "</response>";
}

Status Sasl2Login::on_success(const xmpp::Element& success) {
  const auto data = data_in(success.child("additional-data", ns::sasl2));
  if (!data) return std::unexpected<Error>(data.error());
  if (!by_token()) return password_->finish(*data);
  if (crypto::equal_in_constant_time(*data, token_answer_)) return {};
  return fail(Failure::denied, "the server does not prove that it knows the token");
}

std::optional<LoginToken> Sasl2Login::new_token(const xmpp::Element& success) const {
  const auto* token = success.child("token", ns::fast);
  if (token == nullptr || wish_.empty()) return std::nullopt;
  const auto expires = xmpp::parse_date_time(token->attr("expiry"));
  if (!expires || token->attr("token").empty()) return std::nullopt;
  return LoginToken{.mechanism = by_token() ? mechanism_ : wish_,
                    .secret = crypto::Secret(token->attr("token")),
                    .expires = *expires};
}

std::string_view Sasl2Login::binding() const {
  return by_token() || !password_ ? std::string_view() : password_->binding();
}

}  // namespace rookery::client
