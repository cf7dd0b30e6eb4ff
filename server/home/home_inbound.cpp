// What arrives for this account: delivery by RFC 6121 §8.
#include "server/home/home.h"
#include "server/home/homes.h"
#include "server/home/message_rules.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

void Home::receive(Envelope envelope) {
  const auto kind = envelope.stanza->name();
  if (kind == "message") return receive_message(std::move(envelope));
  for (const auto& hook : node().features().stanza_to_account) {
    const Verdict verdict = hook(*this, envelope);
    if (verdict.error) node().router().bounce(envelope, *verdict.error);
    if (verdict.stops()) return;
  }
  if (kind == "presence") return receive_presence(std::move(envelope));
  receive_iq(std::move(envelope));
}

void Home::receive_message(Envelope envelope) {
  if (envelope.place != 0 && !hears(envelope.to, *envelope.stanza, envelope.place))
    return node().router().confirm(envelope.sender);
  for (const auto& hook : node().features().stanza_to_account) {
    const Verdict verdict = hook(*this, envelope);
    if (verdict.hold) return hold_message(std::move(envelope));
    if (!verdict.stops()) continue;
    // What the sender's home wants written is written; nothing of ours.
    homes_.write_for_sender(envelope);
    ++commits_pending_;
    return homes_.after_commit([this, verdict, envelope = std::move(envelope)] {
      --commits_pending_;
      node().router().confirm(envelope.sender);
      if (verdict.error) node().router().bounce(envelope, *verdict.error);
    });
  }
  const auto current = sessions();
  const Recipients targets = recipients(*envelope.stanza, envelope.to, current);
  const bool storable = is_storable(*envelope.stanza) && !targets.bounce;
  const bool archive = storable && !forbids_archive(*envelope.stanza) && archives(envelope.from);
  std::string xml = envelope.stanza->to_xml(xmpp::ns::client);
  storage::LogId id = 0;
  if (storable && (archive || targets.offline || targets.is_late || envelope.must_log)) {
    id = next_log_id();
    const uint8_t flags = (archive ? storage::LogEntry::archived : 0) | storage::LogEntry::inbox;
    homes_.batch().entries.push_back({jid_.text(), id, flags, envelope.from.text(), xml});
    uncommitted_.insert(id);
    last_inbox_id_ = id;
    if (!backlog_) {
      pending_.insert(id);
      scanned_to_ = id;
    }
  }
  const bool writes = homes_.write_for_sender(envelope) || id != 0;
  if (!writes && commits_pending_ == 0) {
    deliver_message(envelope, xml, id);
    return node().router().confirm(envelope.sender);
  }
  ++commits_pending_;
  homes_.after_commit([this, envelope = std::move(envelope), xml = std::move(xml), id]() mutable {
    --commits_pending_;
    if (id != 0) committed(id);
    deliver_message(envelope, xml, id);
    node().router().confirm(envelope.sender);
  });
}

void Home::deliver_message(const Envelope& envelope, const std::string& xml, storage::LogId id) {
  const auto current = sessions();
  const Recipients targets = recipients(*envelope.stanza, envelope.to, current, answers_copied(envelope));
  if (targets.bounce) return node().router().bounce(envelope, {.condition = xmpp::Condition::service_unavailable});
  const std::string& stamped = id != 0 ? with_child(xml, stanza_id_element(jid_, id)) : xml;
  LoopCounters& counters = homes_.loop().counters();
  if (id != 0 && targets.direct.empty()) ++counters.offline;
  for (Session* session : targets.direct) {
    if (id != 0 && gets_it_from_the_log(*session, id)) continue;
    if (id != 0) ++in_flight_[id];
    ++counters.delivered;
    session->send(stamped, id);
  }
  read_early_.erase(id);
  for (Session* session : targets.copies) {
    session->send(carbon_copy("received", jid_, session->jid(), envelope.stanza->attr("type"), stamped));
  }
  if (push) tell_of(*envelope.stanza);
}

void Home::receive_iq(Envelope envelope) {
  const auto type = envelope.stanza->attr("type");
  if (envelope.to.is_bare()) {
    if (type == "get" || type == "set") return node().serve_iq(std::move(envelope));
    for (const auto& hook : node().features().response_to_account) {
      if (hook(*this, envelope)) return;
    }
    return;
  }
  in_order([this, envelope = std::move(envelope)]() mutable {
    Session* session = find(envelope.to.resource());
    if (session != nullptr) return session->send(*envelope.stanza);
    node().router().bounce(envelope, {.condition = xmpp::Condition::service_unavailable});
  });
}

}  // namespace rookery::server
