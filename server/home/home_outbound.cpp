// What our own clients send.
#include "crypto/hash.h"
#include "server/home/home.h"
#include "server/home/homes.h"
#include "server/home/message_rules.h"
#include "server/log.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

/// XEP-0359 §5: a stanza-id that claims to be ours is forged. REQUIREMENTS 15: no client gets another's carbons or results.
void remove_forgeries(xmpp::Element& message, const Router& router) {
  std::vector<const xmpp::Element*> forged;
  for (const auto& child : message.elements()) {
    if (child.is("stanza-id", xmpp::ns::sid)) {
      const auto by = xmpp::Jid::parse(child.attr("by"));
      if (!by || router.is_local_domain(by->domain())) forged.push_back(&child);
    }
    const bool wrapped = child.ns() == xmpp::ns::carbons && (child.name() == "sent" || child.name() == "received");
    if (wrapped || (child.ns() == xmpp::ns::mam && child.name() == "result")) forged.push_back(&child);
  }
  for (const auto* child : forged) message.remove(*child);
}

std::string resend_key(const xmpp::Jid& to, std::string_view origin_id) {
  return crypto::digest(crypto::Hash::sha256, std::string(to.bare_text()) + '\0' + std::string(origin_id)).substr(0, 16);
}

/// The stanza's address; the account itself where there is none. nullopt: it is malformed.
std::optional<xmpp::Jid> addressee(xmpp::Element& stanza, const xmpp::Jid& account) {
  if (!stanza.has_attr("to")) return account;
  auto to = xmpp::Jid::parse(stanza.attr("to"));
  if (!to) return std::nullopt;
  return std::move(*to);
}

}  // namespace

void Home::message_from_client(Session& session, xmpp::ElementPtr message, uint32_t number) {
  const auto refuse = [&](const xmpp::StanzaError& error) {
    if (message->attr("type") != "error") session.send(*xmpp::error_reply(*message, error));
    session.handled(number);
  };
  auto to = addressee(*message, jid_);
  if (!to) return refuse({.condition = xmpp::Condition::jid_malformed});
  if (!message->has_attr("to")) message->set_attr("to", jid_.text());
  for (const auto& hook : node().features().stanza_from_client) {
    const Verdict verdict = hook(session, *message);
    if (verdict.error) return refuse(*verdict.error);
    if (verdict.drop) return session.handled(number);
  }
  remove_forgeries(*message, node().router());
  ++node().messages;

  Envelope envelope{.from = session.jid(), .to = std::move(*to), .stanza = std::move(message), .sent_copy = {}, .seen = {},
                    .sender = {jid_, session.serial(), number}, .must_log = session.has_stream_management()};
  const xmpp::Element& stanza = *envelope.stanza;
  const bool storable = is_storable(stanza);
  if (const auto* origin = storable ? stanza.child("origin-id", xmpp::ns::sid) : nullptr) {
    std::string key = resend_key(envelope.to, origin->attr("id"));
    bool seen = !recent_keys_.insert(key).second;
    if (!seen) seen = node().log().has_seen(jid_.text(), key).value_or(false);
    if (seen) return in_order([this, serial = session.serial(), number] {
      if (Session* still = find_serial(serial)) still->handled(number);
    });
    envelope.seen = {jid_.text(), std::move(key)};
  }
  storage::LogId id = 0;
  const bool to_self = envelope.to.same_bare(jid_);
  if (storable && !to_self && !forbids_archive(stanza) && archives(envelope.to)) {
    id = next_log_id();
    envelope.sent_copy = storage::LogEntry{jid_.text(), id, storage::LogEntry::archived | storage::LogEntry::outgoing,
                                           envelope.to.text(), stanza.to_xml(xmpp::ns::client)};
    uncommitted_.insert(id);
    envelope.sender.sent_copy = id;
    if (!backlog_) scanned_to_ = id;  // our own copies need no delivery: the cursor passes over them
  }
  if (storable) session.count_with(number, &node().router().owner(envelope.to.bare_text()) == &homes_.loop());
  if (is_carbon_copied(stanza) && !to_self) {
    std::string xml;
    for (Session* other : sessions()) {
      if (other == &session || !other->carbons) continue;
      if (xml.empty()) xml = id != 0 ? with_child(stanza.to_xml(xmpp::ns::client), stanza_id_element(jid_, id)) : stanza.to_xml(xmpp::ns::client);
      other->send(carbon_copy("sent", jid_, other->jid(), xml));
    }
  }
  node().router().route(std::move(envelope));
}

void Home::iq_from_client(Session& session, xmpp::ElementPtr iq) {
  const auto refuse = [&](xmpp::Condition condition) {
    session.send(*xmpp::error_reply(*iq, {.condition = condition}));
  };
  const auto type = iq->attr("type");
  const bool is_request = type == "get" || type == "set";
  const bool is_response = type == "result" || type == "error";
  // RFC 6120 §8.2.3
  if (!iq->has_attr("id") || (!is_request && !is_response)) return refuse(xmpp::Condition::bad_request);
  const auto* payload = iq->first_element();
  if (is_request && (payload == nullptr || payload->next_element() != nullptr)) return refuse(xmpp::Condition::bad_request);
  auto to = addressee(*iq, jid_);
  if (!to) return is_request ? refuse(xmpp::Condition::jid_malformed) : void();
  // REQUIREMENTS 15: a roster push comes from the server alone.
  if (is_request && !to->is_bare() && to->has_local() && payload->ns() == xmpp::ns::roster) return refuse(xmpp::Condition::service_unavailable);
  for (const auto& hook : node().features().stanza_from_client) {
    const Verdict verdict = hook(session, *iq);
    if (verdict.error) return is_request ? session.send(*xmpp::error_reply(*iq, *verdict.error)) : void();
    if (verdict.drop) return;
  }
  Envelope envelope{.from = session.jid(), .to = std::move(*to), .stanza = std::move(iq), .sent_copy = {}, .seen = {}, .sender = {}};
  node().router().route(std::move(envelope));
}

}  // namespace rookery::server
