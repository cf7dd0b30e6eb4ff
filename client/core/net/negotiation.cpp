#include "client/core/net/negotiation.h"

#include <vector>

#include "crypto/hash.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/payload.h"

namespace rookery::client {

namespace ns = xmpp::ns;

namespace {

using Step = Negotiation::Step;

Step failed(Failure failure, std::string message, bool is_final) {
  return {Step::Kind::failed, {}, {failure, std::move(message)}, is_final};
}
Step send(std::string xml) { return {Step::Kind::send, std::move(xml), {}, false}; }
Step unexpected(const xmpp::Element& element) {
  return failed(Failure::invalid, "the server answered with an unexpected <" + std::string(element.name()) + "/>",
                false);
}

std::string sasl_xml(std::string_view name, std::string_view attributes, std::string_view data) {
  std::string xml = "<" + std::string(name) + " xmlns='" + std::string(ns::sasl) + "'" + std::string(attributes) + ">";
  return xml + crypto::base64_encode(data) + "</" + std::string(name) + ">";
}

std::string resume_xml(const Negotiation::Resume& resume) {
  auto element = xmpp::Element::make("resume", ns::sm);
  element->set_attr("h", std::to_string(resume.handled)).set_attr("previd", resume.id);
  return element->to_xml(ns::client);
}

/// RFC 6120 §6.5, in either profile.
Step refused_login(const xmpp::Element& failure) {
  const auto* reason = failure.first_element();
  const std::string name(reason ? reason->name() : "not-authorized");
  if (name == "not-authorized") return failed(Failure::denied, "wrong user name or password", true);
  const bool is_temporary = name == "temporary-auth-failure";
  return failed(is_temporary ? Failure::unavailable : Failure::denied, "the server refuses the login: " + name,
                !is_temporary);
}

std::string stream_error_text(const xmpp::Element& error) {
  std::string condition = "undefined-condition";
  std::string text;
  for (const auto& child : error.elements()) {
    if (child.ns() != ns::stream_errors) continue;
    if (child.name() == "text")
      text = ": " + child.text();
    else
      condition = child.name();
  }
  return "the server ended the stream: " + condition + text;
}

}  // namespace

void Negotiation::start(bool secure, xmpp::ChannelBindings bindings, std::optional<Resume> resume) {
  state_ = State::features;
  secure_ = secure;
  authenticated_ = offers_sm_ = stream_management_ = false;
  bindings_ = std::move(bindings);
  resume_ = std::move(resume);
  sasl_.reset();
  sasl2_.reset();
  session_id_.clear();
  server_handled_.reset();
}

void Negotiation::secured(xmpp::ChannelBindings bindings) {
  secure_ = true;
  bindings_ = std::move(bindings);
  state_ = State::features;
}

Step Negotiation::on(const xmpp::Element& element) {
  if (element.is("error", ns::streams)) {
    const bool is_conflict = element.child("conflict", ns::stream_errors) != nullptr;
    return failed(Failure::unavailable, stream_error_text(element), is_conflict);
  }
  switch (state_) {
    case State::features:
      return on_features(element);
    case State::proceed:
      if (!element.is("proceed", ns::tls)) return failed(Failure::denied, "the server refuses TLS", true);
      return {Step::Kind::start_tls, {}, {}, false};
    case State::sasl:
      return on_sasl(element);
    case State::sasl2:
      return on_sasl2(element);
    case State::resuming:
      return on_resume_answer(element);
    case State::binding:
      return on_bind_result(element);
    case State::enabling:
      return on_enable_answer(element);
    case State::done:
      break;
  }
  return {};
}

Step Negotiation::on_features(const xmpp::Element& features) {
  if (!features.is("features", ns::streams)) return unexpected(features);
  if (!secure_) return begin_tls(features);
  if (!authenticated_) return begin_sasl(features);
  offers_sm_ = features.child("sm", ns::sm) != nullptr;
  if (!features.child("bind", ns::bind)) return failed(Failure::invalid, "the server offers no resource binding", true);
  if (!offers_sm_ || !resume_) return bind();
  state_ = State::resuming;
  return send(resume_xml(*resume_));
}

Step Negotiation::begin_tls(const xmpp::Element& features) {
  // REQUIREMENTS 31: without TLS there is nothing to say to this server; someone may have removed the offer.
  if (!features.child("starttls", ns::tls))
    return failed(Failure::denied, "the server offers no TLS; refusing to go on without it", true);
  state_ = State::proceed;
  return send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
}

Step Negotiation::begin_sasl(const xmpp::Element& features) {
  sasl2_ = Sasl2Login::offered(features);
  if (sasl2_) return begin_sasl2();
  std::vector<std::string> mechanisms;
  std::vector<std::string> bindings;
  if (const auto* list = features.child("mechanisms", ns::sasl))
    for (const auto& item : list->elements())
      if (item.is("mechanism", ns::sasl)) mechanisms.push_back(item.text());
  if (const auto* list = features.child("sasl-channel-binding", ns::sasl_channel_binding))
    for (const auto& item : list->elements())
      if (item.name() == "channel-binding") bindings.emplace_back(item.attr("type"));
  if (mechanisms.empty()) return failed(Failure::denied, "the server offers no way to log in", true);
  xmpp::SaslClientOptions options;
  options.username = options_.account.local();
  options.password = options_.password.reveal();
  options.bindings = bindings_;
  sasl_ = std::make_unique<xmpp::SaslClient>(std::move(options), std::move(mechanisms), std::move(bindings));
  auto mechanism = sasl_->choose();
  if (!mechanism) return failed(mechanism.error().failure, mechanism.error().message, true);
  mechanism_ = *mechanism;
  state_ = State::sasl;
  const std::string initial = sasl_->initial_response();
  binding_ = sasl_->binding();
  return send(sasl_xml("auth", " mechanism='" + mechanism_ + "'", initial));
}

Step Negotiation::on_sasl(const xmpp::Element& element) {
  if (element.ns() != ns::sasl) return unexpected(element);
  if (element.name() == "failure") return refused_login(element);
  const std::string text = element.text();
  auto data = text == "=" ? Result<std::string>("") : crypto::base64_decode(text);
  if (!data) return failed(Failure::invalid, "the server's SASL data is not base64", true);
  if (element.name() == "challenge") {
    auto response = sasl_->respond(*data);
    if (!response) return failed(Failure::denied, response.error().message, true);
    return send(sasl_xml("response", "", *response));
  }
  if (element.name() != "success") return unexpected(element);
  if (auto proof = sasl_->finish(*data); !proof) return failed(Failure::denied, proof.error().message, true);
  sasl_.reset();
  authenticated_ = true;
  state_ = State::features;
  return {Step::Kind::open_stream, {}, {}, false};
}

Step Negotiation::begin_sasl2() {
  const Sasl2Login::Identity identity{options_.account.local(), options_.password.reveal(), options_.agent_id};
  auto xml = sasl2_->authenticate(identity, bindings_, token_, resume_ ? resume_xml(*resume_) : std::string());
  if (!xml) return failed(xml.error().failure, xml.error().message, true);
  mechanism_ = sasl2_->mechanism();
  binding_ = sasl2_->binding();
  state_ = State::sasl2;
  return send(std::move(*xml));
}

Step Negotiation::on_sasl2(const xmpp::Element& element) {
  if (element.ns() != ns::sasl2) return unexpected(element);
  if (element.name() == "failure") {
    if (!sasl2_->by_token()) return refused_login(element);
    // XEP-0484 §4.1: a token that does not work is thrown away, and the password has to do.
    token_.reset();
    return begin_sasl2();
  }
  if (element.name() == "challenge") {
    auto response = sasl2_->on_challenge(element);
    if (!response) return failed(Failure::denied, response.error().message, true);
    return send(std::move(*response));
  }
  if (element.name() == "success") return on_sasl2_success(element);
  return unexpected(element);  // <continue/>: we asked for no task
}

Step Negotiation::on_sasl2_success(const xmpp::Element& success) {
  if (auto proof = sasl2_->on_success(success); !proof) return failed(Failure::denied, proof.error().message, true);
  if (auto token = sasl2_->new_token(success)) token_ = std::move(token);
  const bool asked_to_resume = sasl2_->resumes();
  sasl2_.reset();
  authenticated_ = true;
  state_ = State::features;  // XEP-0388 §2.6.1: they follow without a new stream
  if (!asked_to_resume) return {};
  if (const auto* resumed = success.child("resumed", ns::sm)) return on_resume_answer(*resumed);
  if (const auto* refused = success.child("failed", ns::sm)) server_handled_ = xmpp::parse_uint32(refused->attr("h"));
  resume_.reset();
  return {};
}

Step Negotiation::bind() {
  state_ = State::binding;
  auto iq = xmpp::Element::make("iq", ns::client);
  iq->set_attr("type", "set").set_attr("id", "bind");
  auto& bind = iq->add("bind", ns::bind);
  if (!options_.resource.empty()) bind.add_text_child("resource", options_.resource);
  return send(iq->to_xml(ns::client));
}

Step Negotiation::on_bind_result(const xmpp::Element& iq) {
  if (!iq.is("iq", ns::client) || iq.attr("id") != "bind") return {};
  const auto* bind = iq.child("bind", ns::bind);
  if (iq.attr("type") != "result" || !bind)
    return failed(Failure::unavailable, "the server refuses the resource", false);
  auto jid = xmpp::Jid::parse(bind->child_text("jid", ns::bind));
  if (!jid || !jid->same_bare(options_.account) || jid->is_bare())
    return failed(Failure::invalid, "the server bound us to another address", true);
  bound_ = *jid;
  if (!offers_sm_) {
    state_ = State::done;
    return {Step::Kind::bound, {}, {}, false};
  }
  state_ = State::enabling;
  return send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
}

Step Negotiation::on_resume_answer(const xmpp::Element& element) {
  if (element.is("resumed", ns::sm)) {
    const auto h = xmpp::parse_uint32(element.attr("h"));
    if (!h || element.attr("previd") != resume_->id) return failed(Failure::invalid, "a malformed <resumed/>", false);
    server_handled_ = *h;
    session_id_ = resume_->id;
    stream_management_ = true;
    state_ = State::done;
    return {Step::Kind::resumed, {}, {}, false};
  }
  if (!element.is("failed", ns::sm)) return unexpected(element);
  // XEP-0198 §5: h tells what had arrived although the session is gone.
  server_handled_ = xmpp::parse_uint32(element.attr("h"));
  resume_.reset();
  return bind();
}

Step Negotiation::on_enable_answer(const xmpp::Element& element) {
  if (element.ns() != ns::sm) return {};
  state_ = State::done;
  stream_management_ = element.name() == "enabled";
  const auto resume = xmpp::parse_boolean(element.attr("resume"));
  if (stream_management_ && resume.value_or(false)) session_id_ = element.attr("id");
  return {Step::Kind::bound, {}, {}, false};
}

}  // namespace rookery::client
