// What arrives in many copies (routing/fan_out.h), stored for nobody.
#include "server/home/home.h"
#include "server/home/homes.h"
#include "server/home/message_rules.h"
#include "server/node.h"

namespace rookery::server {

void Home::receive_shared(const Envelope& envelope, const SharedStanza& stanza) {
  for (const auto& hook : node().features().stanza_to_account) {
    const Verdict verdict = hook(*this, envelope);
    if (verdict.error) node().router().bounce(envelope, *verdict.error);
    if (verdict.stops()) return;
  }
  if (stanza.stanza().name() == "presence") {
    for (const auto& hook : node().features().contact_presence) hook(*this, envelope.from, stanza.stanza());
    const std::string xml = stanza.addressed(envelope.to.text());
    for (const auto& session : sessions_) {
      if (session->available) send_shared(*session, xml);
    }
    return;
  }
  const auto current = sessions();
  const Recipients targets = recipients(stanza.stanza(), envelope.to, current);
  if (targets.direct.empty()) return;
  const std::string xml = stanza.addressed(envelope.to.text());
  for (Session* session : targets.direct) send_shared(*session, xml);
}

void Home::send_shared(Session& session, const std::string& xml) {
  if (commits_pending_ == 0) return session.send(xml);
  in_order([this, serial = session.serial(), xml] {
    if (Session* still = find_serial(serial)) still->send(xml);
  });
}

void Home::receive_for_session(const Envelope& envelope, const SharedStanzaPtr& stanza) {
  for (const auto& hook : node().features().stanza_to_account) {
    // Silently: an error would tell a room that the session is gone, when its user only blocks one occupant.
    if (hook(*this, envelope).stops()) return;
  }
  if (commits_pending_ == 0) return deliver_shared(envelope.to, *stanza);
  in_order([this, to = envelope.to, stanza] { deliver_shared(to, *stanza); });
}

void Home::deliver_shared(const xmpp::Jid& to, const SharedStanza& stanza) {
  if (stanza.place() != 0 && !hears(to, stanza.stanza(), stanza.place())) return;
  Session* session = find(to.resource());
  if (session != nullptr) {
    session->send(stanza.addressed(to.text()));
    if (push && !session->is_reachable()) tell_of(stanza.stanza());
    return;
  }
  bounce_shared(node(), to, stanza);
}

void Home::bounce_shared(Node& node, const xmpp::Jid& to, const SharedStanza& stanza) {
  if (stanza.stanza().name() != "message" || stanza.stanza().attr("type") == "error") return;
  auto error = xmpp::error_reply(stanza.stanza(), {.condition = xmpp::Condition::recipient_unavailable});
  error->set_attr("from", to.text());
  node.router().send(std::move(error));
}

}  // namespace rookery::server
