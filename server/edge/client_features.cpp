// What a client's stream offers, before and after authentication (RFC 6120 §4.3.2).
#include "crypto/hash.h"
#include "crypto/tls_context.h"
#include "server/edge/client_stream.h"
#include "server/edge/sasl2.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

/// XEP-0478 §3; `idle`: after how much silence a client is asked whether it is there, 0 when it never is.
std::string limits_element(size_t stanza_bytes, std::chrono::seconds idle = {}) {
  std::string out =
      "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>" + std::to_string(stanza_bytes) + "</max-bytes>";
  if (idle.count() > 0) out += "<idle-seconds>" + std::to_string(idle.count()) + "</idle-seconds>";
  return out + "</limits>";
}

}  // namespace

xmpp::SaslOptions ClientStream::sasl_options() const {
  xmpp::SaslOptions options;
  options.mechanisms = node_.config().mechanisms;
  if (options.mechanisms.empty()) {
    options.mechanisms = {xmpp::Mechanism::scram_sha_512, xmpp::Mechanism::scram_sha_256, xmpp::Mechanism::scram_sha_1};
    if (node_.config().allow_plain) options.mechanisms.push_back(xmpp::Mechanism::plain);
  }
  if (wire_->ssl() != nullptr) options.tls_version = crypto::tls_version(wire_->ssl());
  if (wire_->ssl() != nullptr && node_.config().channel_binding) {
    auto data = crypto::channel_bindings(wire_->ssl());
    options.bindings = {std::move(data.tls_exporter), std::move(data.tls_server_end_point), std::move(data.tls_unique)};
  }
  options.domain = domain_;
  return options;
}

std::string ClientStream::early_features() const {
  if (!may_authenticate())
    return "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>" +
           limits_element(xmpp::ParserLimits::unauthenticated().stanza_bytes);
  const auto options = sasl_options();
  std::string out = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>";
  for (const auto name : xmpp::SaslServer::offered(options))
    out.append("<mechanism>").append(name).append("</mechanism>");
  out += "</mechanisms>" + Sasl2::offer(*this);
  const auto bindings = xmpp::SaslServer::offered_bindings(options);
  if (!bindings.empty()) {
    out += "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>";
    for (const auto name : bindings) out.append("<channel-binding type='").append(name).append("'/>");
    out += "</sasl-channel-binding>";
  }
  const bool takes_invites = node_.config().invites != "nobody";
  // XEP-0445 §3; the first is what it was called before, and Conversations shows its invitation only where it sees
  // that.
  if (takes_invites) out += "<register xmlns='urn:xmpp:invite'/><register xmlns='urn:xmpp:ibr-token:0'/>";
  if (takes_invites || node_.config().registration) out += "<register xmlns='http://jabber.org/features/iq-register'/>";
  return out + limits_element(xmpp::ParserLimits::unauthenticated().stanza_bytes);
}

std::string ClientStream::late_features() const {
  std::string out;
  if (session_ == nullptr) {
    out +=
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><session "
        "xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>";
  }
  // Bind 2 may have enabled it; a client that is offered it again tries to resume what it has just begun.
  if (!is_managed_) out += "<sm xmlns='urn:xmpp:sm:3'/>";
  if (node_.config().held_stanzas > 0) out += "<csi xmlns='urn:xmpp:csi:0'/>";
  return out +
         "<ver xmlns='urn:xmpp:features:rosterver'/><sub xmlns='urn:xmpp:features:pre-approval'/>"
         "<c xmlns='http://jabber.org/protocol/caps' hash='" +
         node_.caps().hash + "' node='" + node_.caps().node + "' ver='" + node_.caps().ver + "'/>" +
         limits_element(node_.config().stanza_bytes, node_.config().ping_after);
}

// XEP-0509 §2.3.1: a hash of what is offered stands for it.
std::string ClientStream::config_version() const {
  return crypto::base64_encode(crypto::digest(crypto::Hash::sha256, early_features()));
}

void ClientStream::send_features() {
  std::string out = "<stream:features>";
  if (state_ != State::opening) {
    out += late_features();
  } else {
    out += early_features();
    if (wire_->is_encrypted())
      out += "<config-version xmlns='urn:xmpp:iap:0' scheme='opaque' value='" + config_version() + "'/>";
    state_ = State::features_sent;
  }
  wire_->send(out + "</stream:features>");
}

}  // namespace rookery::server
