#include "xmpp/s2s_initiator.h"

#include <charconv>

#include "crypto/hash.h"
#include "xmpp/namespaces.h"

namespace rookery::xmpp {

namespace {

constexpr std::string_view enable = "<enable xmlns='urn:xmpp:sm:3'/>";

/// XEP-0478 §3; 0 where nothing is said, or nothing sensible: RFC 6120 §13.12 has 10,000 as the least.
size_t stanza_limit(const Element& features) {
  const Element* limits = features.child("limits", ns::stream_limits);
  if (limits == nullptr) return 0;
  const std::string text = limits->child_text("max-bytes", ns::stream_limits);
  size_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  return error == std::errc() && end == text.data() + text.size() && bytes >= 10'000 ? bytes : 0;
}

bool offers_external(const Element& features) {
  const Element* mechanisms = features.child("mechanisms", ns::sasl);
  if (mechanisms == nullptr) return false;
  for (const Element& mechanism : mechanisms->elements()) {
    if (mechanism.name() == "mechanism" && mechanism.text() == "EXTERNAL") return true;
  }
  return false;
}

std::string first_child_name(const Element& element) {
  const Element* child = element.first_element();
  return child == nullptr ? std::string() : std::string(child->name());
}

}  // namespace

S2sInitiator::Step S2sInitiator::tls_established(bool is_verified) {
  is_encrypted_ = true;
  is_verified_ = is_verified;
  state_ = State::opening;
  // RFC 6120 §13.7.2: a name that DNS alone vouches for is only good enough where dialback is.
  if (!is_verified && !options_.may_dialback) return refuse("the certificate does not speak for the domain");
  return {.kind = Step::Kind::restart};
}

S2sInitiator::Step S2sInitiator::on_header(const StreamHeader& header) {
  if (header.content_ns != ns::server) return refuse("the stream is not jabber:server");
  if (!header.version.starts_with("1.")) return refuse("the peer knows no stream features, so no TLS");
  stream_id_ = header.id;
  if (stream_id_.empty()) return refuse("the stream has no id");
  state_ = State::features;
  return {};
}

S2sInitiator::Step S2sInitiator::on_element(const Element& element) {
  if (element.is("error", ns::streams)) return refuse("stream error " + first_child_name(element));
  switch (state_) {
    case State::features:
      if (element.is("features", ns::streams)) return on_features(element);
      break;
    case State::proceed:
      if (!element.is("proceed", ns::tls)) return refuse("STARTTLS failed");
      state_ = State::tls;
      return {.kind = Step::Kind::start_tls};
    case State::external:
      return on_external(element);
    case State::dialback:
    case State::question:
      if (is_dialback(element)) return on_dialback(element);
      // Of other questions on the same stream, or what a peer announces meanwhile.
      return {};
    case State::opening:
    case State::tls:
    case State::ready:
      break;
  }
  return refuse("<" + std::string(element.name()) + "/> was not expected");
}

S2sInitiator::Step S2sInitiator::on_features(const Element& features) {
  if (!is_encrypted_) {
    // REQUIREMENTS 17: nothing is said in the clear but this.
    if (features.child("starttls", ns::tls) == nullptr) return refuse("the peer offers no TLS");
    state_ = State::proceed;
    return {.kind = Step::Kind::wait, .xml = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"};
  }
  if (is_authenticated_) most_stanza_bytes_ = stanza_limit(features);
  if (is_authenticated_) return ready(features.child("sm", ns::sm) != nullptr);
  offers_dialback_ = features.child("dialback", ns::dialback_feature) != nullptr;
  if (options_.question) return ask();
  if (!offers_external(features)) return begin_dialback();
  state_ = State::external;
  // XEP-0178 §3: the authorization identity is not needed, and included for older peers.
  return {.kind = Step::Kind::wait,
          .xml = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>" +
                 crypto::base64_encode(options_.from.text()) + "</auth>"};
}

S2sInitiator::Step S2sInitiator::on_external(const Element& element) {
  if (element.is("success", ns::sasl)) {
    is_authenticated_ = true;
    method_ = "EXTERNAL";
    state_ = State::opening;
    return {.kind = Step::Kind::restart};
  }
  if (!element.is("failure", ns::sasl)) return refuse("<" + std::string(element.name()) + "/> was not expected");
  if (offers_dialback_) return begin_dialback();
  return refuse("SASL EXTERNAL failed: " + first_child_name(element));
}

S2sInitiator::Step S2sInitiator::begin_dialback() {
  if (!options_.may_dialback) return refuse("the peer does not take our certificate");
  if (!offers_dialback_) return refuse("the peer offers neither SASL EXTERNAL nor dialback");
  state_ = State::dialback;
  const std::string key = dialback_key(options_.dialback_secret, options_.to.text(), options_.from.text(), stream_id_);
  return {.kind = Step::Kind::wait,
          .xml = to_xml({.kind = Dialback::Kind::result, .from = options_.from, .to = options_.to, .key = key})};
}

S2sInitiator::Step S2sInitiator::ask() {
  // XEP-0220 §2.4: the peer has used dialback with us, whatever it announces.
  state_ = State::question;
  return {.kind = Step::Kind::wait,
          .xml = to_xml({.kind = Dialback::Kind::verify,
                         .from = options_.from,
                         .to = options_.to,
                         .id = options_.question->id,
                         .key = options_.question->key})};
}

S2sInitiator::Step S2sInitiator::on_dialback(const Element& element) {
  const auto answer = parse_dialback(element);
  if (!answer || answer->type == Dialback::Type::request) return refuse("dialback: not an answer");
  // REQUIREMENTS 17: an answer counts for the pair that asked, and for what was asked.
  if (answer->from != options_.to || answer->to != options_.from) return {};
  const bool is_valid = answer->type == Dialback::Type::valid;
  if (state_ == State::question) {
    if (answer->kind != Dialback::Kind::verify || answer->id != options_.question->id) return {};
    return {.kind = Step::Kind::answered, .is_valid = is_valid};
  }
  if (answer->kind != Dialback::Kind::result) return {};
  if (answer->type == Dialback::Type::error) return refuse("dialback: " + std::string(to_string(answer->condition)));
  if (!is_valid) return refuse("dialback: invalid");
  method_ = "dialback";
  // No features follow here, so XEP-0198 cannot have been offered; a peer that does not know it says so, or nothing.
  return ready(true);
}

S2sInitiator::Step S2sInitiator::ready(bool offers_acks) {
  state_ = State::ready;
  return {.kind = Step::Kind::ready,
          .xml = offers_acks && options_.asks_for_acks ? std::string(enable) : std::string()};
}

}  // namespace rookery::xmpp
