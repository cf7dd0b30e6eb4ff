#include "xmpp/s2s_receiver.h"

#include "crypto/hash.h"
#include "xmpp/namespaces.h"

namespace rookery::xmpp {

namespace {

constexpr size_t most_pairs = 64;  // of one stream (XEP-0220 §2.7)

bool is_stanza(const Element& element) {
  const auto name = element.name();
  return element.ns() == ns::server && (name == "message" || name == "presence" || name == "iq");
}

}  // namespace

void S2sReceiver::tls_established() {
  is_encrypted_ = true;
  state_ = State::opening;
  // REQUIREMENTS 3: what was said in the clear counts for nothing.
  was_opened_ = false;
  from_.clear();
  to_.clear();
  peer_ = {};
}

S2sReceiver::Step S2sReceiver::on_header(const StreamHeader& header, std::string id) {
  id_ = std::move(id);
  if (header.content_ns != ns::server) return fail(StreamCondition::invalid_namespace);
  if (!header.version.starts_with("1.")) return fail(StreamCondition::unsupported_version);  // it could not do TLS
  const auto to = Jid::parse(header.to);
  if (!to || !to->is_domain() || !options_.is_ours(to->text())) return fail(StreamCondition::host_unknown);
  const auto from = Jid::parse(header.from);
  if (!header.from.empty() && (!from || !from->is_domain())) return fail(StreamCondition::invalid_from);
  if (was_opened_ && (header.from != from_ || to->text() != to_))
    return fail(StreamCondition::invalid_from, "the stream was opened with other addresses");
  was_opened_ = true;
  from_ = header.from;
  to_ = to->text();
  if (from) peer_ = *from;
  if (!peer_.empty() && !options_.is_welcome(peer_))
    return fail(StreamCondition::policy_violation, "No federation with this domain");
  state_ = State::open;
  return features();
}

S2sReceiver::Step S2sReceiver::features() const {
  std::string out = "<stream:features>";
  if (!is_encrypted_) {
    out += "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
  } else if (is_authorised()) {
    out += "<sm xmlns='urn:xmpp:sm:3'/><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>" +
           std::to_string(options_.stanza_bytes) + "</max-bytes></limits>";
  } else if (!peer_.empty() && options_.has_proof(peer_)) {
    out += "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>";
  }
  // XEP-0220 §2.4.2
  if (is_encrypted_ && options_.may_dialback)
    out += "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>";
  return {.kind = Step::Kind::wait, .xml = out + "</stream:features>"};
}

// The one table of what is allowed when (REQUIREMENTS 4).
S2sReceiver::Step S2sReceiver::on_element(const Element& element) {
  if (state_ != State::open) return fail(StreamCondition::not_authorized);
  if (!is_encrypted_) {
    if (!element.is("starttls", ns::tls)) return fail(StreamCondition::policy_violation, "TLS is required");
    return {.kind = Step::Kind::start_tls, .xml = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"};
  }
  if (is_dialback(element)) return on_dialback(element);
  if (element.is("auth", ns::sasl) && !is_authorised()) return on_auth(element);
  if (!is_authorised()) return fail(StreamCondition::not_authorized);
  if (element.is("enable", ns::sm)) {
    if (has_acks_)
      return {.kind = Step::Kind::wait,
              .xml =
                  "<failed xmlns='urn:xmpp:sm:3'><unexpected-request "
                  "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"};
    has_acks_ = true;
    return {.kind = Step::Kind::enabled, .xml = "<enabled xmlns='urn:xmpp:sm:3'/>"};
  }
  if (element.is("resume", ns::sm)) {
    return {
        .kind = Step::Kind::wait,
        .xml = "<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"};
  }
  if (is_stanza(element) || element.ns() == ns::sm) return {.kind = Step::Kind::stanza};
  return fail(StreamCondition::unsupported_stanza_type);
}

S2sReceiver::Step S2sReceiver::failure(std::string_view condition) {
  std::string xml = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><";
  return {.kind = Step::Kind::wait, .xml = xml.append(condition).append("/></failure>")};
}

S2sReceiver::Step S2sReceiver::on_auth(const Element& auth) {
  if (auth.attr("mechanism") != "EXTERNAL") return failure("invalid-mechanism");
  const std::string text = auth.text();
  std::string identity;
  if (text != "=" && !text.empty()) {
    const auto decoded = crypto::base64_decode(text);
    if (!decoded) return failure("incorrect-encoding");
    identity = *decoded;
  }
  const auto claimed = identity.empty() ? Result<Jid>(peer_) : Jid::parse(identity);
  // XEP-0178 §3: the stream's `from`, and nothing else.
  if (!claimed || *claimed != peer_ || peer_.empty()) return failure("invalid-authzid");
  if (!options_.has_proof(peer_)) return failure("not-authorized");
  pairs_.emplace(peer_.text(), to_);
  method_ = "EXTERNAL";
  state_ = State::opening;
  return {.kind = Step::Kind::restart, .xml = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"};
}

S2sReceiver::Step S2sReceiver::on_dialback(const Element& element) {
  const auto dialback = parse_dialback(element);
  if (!dialback) return fail(StreamCondition::improper_addressing);
  // What we have not asked on this stream, nobody answers here (REQUIREMENTS 17).
  if (dialback->type != Dialback::Type::request) return fail(StreamCondition::invalid_from);
  if (dialback->kind == Dialback::Kind::verify) return answer_question(*dialback);
  if (!options_.may_dialback) return fail(StreamCondition::policy_violation, "A certificate is needed");
  const auto refuse = [&](Condition condition) -> Step {
    return {.kind = Step::Kind::wait,
            .xml = to_xml({.kind = Dialback::Kind::result,
                           .type = Dialback::Type::error,
                           .from = dialback->to,
                           .to = dialback->from,
                           .condition = condition})};
  };
  if (!options_.is_ours(dialback->to.text())) return refuse(Condition::item_not_found);
  if (!options_.is_welcome(dialback->from)) return refuse(Condition::policy_violation);
  if (is_asking_ || pairs_.size() >= most_pairs) return refuse(Condition::resource_constraint);
  // The certificate says more than a look into DNS could.
  if (options_.has_proof(dialback->from)) return verified(*dialback, true);
  is_asking_ = true;
  Dialback question = *dialback;
  question.id = id_;
  return {.kind = Step::Kind::verify, .question = std::move(question)};
}

S2sReceiver::Step S2sReceiver::answer_question(const Dialback& question) const {
  Dialback answer{.kind = Dialback::Kind::verify,
                  .type = Dialback::Type::error,
                  .from = question.to,
                  .to = question.from,
                  .id = question.id,
                  .key = {},
                  .condition = Condition::item_not_found};
  if (!options_.is_ours(question.to.text())) return {.kind = Step::Kind::wait, .xml = to_xml(answer)};
  const std::string key = dialback_key(options_.dialback_secret, question.from.text(), question.to.text(), question.id);
  answer.type = crypto::equal_in_constant_time(key, question.key) ? Dialback::Type::valid : Dialback::Type::invalid;
  return {.kind = Step::Kind::wait, .xml = to_xml(answer)};
}

S2sReceiver::Step S2sReceiver::verified(const Dialback& question, bool is_valid) {
  is_asking_ = false;
  if (is_valid) {
    pairs_.emplace(question.from.text(), question.to.text());
    if (method_.empty()) method_ = "dialback";
  }
  return {.kind = Step::Kind::wait,
          .xml = to_xml({.kind = Dialback::Kind::result,
                         .type = is_valid ? Dialback::Type::valid : Dialback::Type::invalid,
                         .from = question.to,
                         .to = question.from})};
}

bool S2sReceiver::may_speak(std::string_view from, std::string_view to) const {
  return pairs_.contains({std::string(from), std::string(to)});
}

}  // namespace rookery::xmpp
