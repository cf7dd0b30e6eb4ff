// What our own clients send.
#include <algorithm>

#include "crypto/hash.h"
#include "server/home/home.h"
#include "server/home/homes.h"
#include "server/home/message_rules.h"
#include "server/log.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

constexpr auto look_up_again_after = std::chrono::milliseconds(200);
constexpr uint64_t no_session = UINT64_MAX;  // one that never is: only the home itself waits for what is written

/// XEP-0359 §6: a stanza-id that claims to be ours is forged.
void remove_forged_ids(xmpp::Element& message, const Router& router) {
  std::vector<const xmpp::Element*> forged;
  for (const auto& child : message.elements()) {
    if (child.is("stanza-id", xmpp::ns::sid)) {
      const auto by = xmpp::Jid::parse(child.attr("by"));
      if (!by || router.is_ours(by->domain())) forged.push_back(&child);
    }
  }
  for (const auto* child : forged) message.remove(*child);
}

/// It is in a log before its sender hears that it arrived: ours, the receiver's, or a room's.
bool is_recorded(const xmpp::Element& message) {
  return is_storable(message) || (message_type(message) == MessageType::groupchat && says_something(message));
}

std::string resend_key(const xmpp::Jid& to, std::string_view origin_id) {
  return crypto::digest(crypto::Hash::sha256, std::string(to.bare_text()) + '\0' + std::string(origin_id))
      .substr(0, 16);
}

constexpr size_t most_copied = 64;

size_t copied_key(std::string_view id, const xmpp::Jid& peer) {
  return std::hash<std::string>()(std::string(peer.bare_text()) + '\0' + std::string(id));
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
  if (speaks_as_server(*message)) return session.handled(number);  // dropped
  remove_forged_ids(*message, node().router());
  ++homes_.loop().counters().messages;

  Envelope envelope{.from = session.jid(),
                    .to = std::move(*to),
                    .stanza = std::move(message),
                    .sent_copy = {},
                    .seen = {},
                    .sender = {.account = jid_,
                               .session = session.serial(),
                               .stanza = number,
                               .resend_key = {},
                               .read_at = homes_.loop().now(),
                               .packet = {}},
                    .must_log = session.has_stream_management(),
                    .stay = {}};
  envelope.stay = session.stay_in(envelope.to);
  const auto* origin = is_recorded(*envelope.stanza) ? envelope.stanza->child("origin-id", xmpp::ns::sid) : nullptr;
  if (origin == nullptr) return accept_message(std::move(envelope));
  std::string key = resend_key(envelope.to, origin->attr("id"));
  // REQUIREMENTS 20. Sent again while the first one is still being written, perhaps by another loop: durable when that
  // is.
  if (const auto first = unconfirmed_.find(key); first != unconfirmed_.end()) {
    ++homes_.loop().counters().resent;
    session.count_with(number, false);
    first->second.push_back(envelope.sender);
    return;
  }
  unconfirmed_.try_emplace(key);
  envelope.sender.resend_key = key;
  // The memtable and Bloom filters answer nearly always. Where they cannot, the disk may be slow: the session waits for
  // it.
  const auto seen = node().log().has_seen_in_memory(jid_.text(), key);
  envelope.seen = {jid_.text(), std::move(key)};
  if (!seen) return look_up_resend(std::move(envelope));
  if (*seen) return resent_again(envelope.sender);
  accept_message(std::move(envelope));
}

void Home::message_on_behalf(xmpp::ElementPtr message, xmpp::Jid to) {
  remove_forged_ids(*message, node().router());
  accept_message(
      {.from = jid_,
       .to = std::move(to),
       .stanza = std::move(message),
       .sent_copy = {},
       .seen = {},
       .sender = {.account = jid_, .session = no_session, .stanza = 0, .resend_key = {}, .read_at = {}, .packet = {}}});
}

void Home::look_up_resend(Envelope envelope) {
  if (Session* session = find_serial(envelope.sender.session)) session->hold();
  ++loads_pending_;
  // Named before the envelope moves: compilers differ in the order of a call's arguments.
  auto ask = [seen = *envelope.seen](storage::MessageLog& log) { return log.has_seen(seen.owner, seen.key); };
  node().read_log(std::move(ask), [this, envelope = std::move(envelope)](Result<bool> seen) mutable {
    if (!seen && seen.error().failure == Failure::unavailable && !abandoned_) {
      // The database is away, for all of the account's sessions on any node: they wait, as commits do.
      homes_.loop().after(look_up_again_after, [this, envelope = std::move(envelope)]() mutable {
        --loads_pending_;
        if (!abandoned_) look_up_resend(std::move(envelope));
      });
      return;
    }
    --loads_pending_;
    if (abandoned_) return;  // the client sends it again where the account is now
    const uint64_t serial = envelope.sender.session;
    if (!seen) return resend_unknown(envelope.sender, seen.error());
    if (*seen) {
      resent_again(envelope.sender);
    } else {
      accept_message(std::move(envelope));
    }
    if (Session* session = find_serial(serial)) session->release();
  });
}

// A log that cannot answer must not make one message two: nothing is acknowledged, and the client comes back with it.
void Home::resend_unknown(const SenderRef& sender, const Error& error) {
  log::error("resend_not_looked_up", {{"jid", jid_.text()}, {"error", error.message}});
  std::set<uint64_t> sessions{sender.session};
  const auto resent = unconfirmed_.extract(sender.resend_key);
  if (!resent.empty()) {
    for (const SenderRef& duplicate : resent.mapped()) sessions.insert(duplicate.session);
  }
  for (const uint64_t serial : sessions) {
    if (Session* session = find_serial(serial))
      session->end({.condition = xmpp::StreamCondition::internal_server_error});
  }
}

/// `envelope.sender.session` may have ended since it sent this: the message is accepted all the same.
void Home::accept_message(Envelope envelope) {
  const xmpp::Element& stanza = *envelope.stanza;
  const bool storable = is_storable(stanza);
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
  Session* session = is_recorded(stanza) ? find_serial(envelope.sender.session) : nullptr;
  // A receiver that is not loaded yet writes its entry in a later commit, even on this loop.
  if (session != nullptr)
    session->count_with(envelope.sender.stanza,
                        homes_.find_loaded(envelope.to) != nullptr && !node().router().goes_elsewhere(envelope.to));
  if (is_carbon_copied(stanza, CarbonSide::sender) && !to_self) send_sent_carbons(envelope.sender.session, stanza, id);
  node().router().route(std::move(envelope));
}

// XEP-0280 §8, REQUIREMENTS 19: the other devices learn of it once it is durable, with the archive's id.
void Home::send_sent_carbons(uint64_t sender, const xmpp::Element& message, storage::LogId id) {
  std::vector<uint64_t> others;
  for (const auto& other : sessions_) {
    if (other->serial() != sender && other->carbons) others.push_back(other->serial());
  }
  if (others.empty()) return;
  remember_copied(message);
  std::string xml = message.to_xml(xmpp::ns::client);
  if (id != 0) xml = with_child(xml, stanza_id_element(jid_, id));
  when_committed([this, others = std::move(others), type = std::string(message.attr("type")), xml = std::move(xml)] {
    for (const uint64_t serial : others) {
      if (Session* other = find_serial(serial)) other->send(carbon_copy("sent", jid_, other->jid(), type, xml));
    }
  });
}

// XEP-0280 §6.1: an error is copied when what it answers was. That is known of the newest; an error that comes late
// goes to the sender alone.
void Home::remember_copied(const xmpp::Element& message) {
  if (!message.has_attr("id")) return;
  const auto to = xmpp::Jid::parse(message.attr("to"));
  if (!to) return;
  if (copied_.size() >= most_copied) copied_.erase(copied_.begin());
  copied_.push_back(copied_key(message.attr("id"), *to));
}

bool Home::answers_copied(const Envelope& envelope) const {
  if (copied_.empty() || message_type(*envelope.stanza) != MessageType::error) return false;
  return std::ranges::find(copied_, copied_key(envelope.stanza->attr("id"), envelope.from)) != copied_.end();
}

void Home::resent_again(SenderRef sender) {
  ++homes_.loop().counters().resent;
  sender.read_at = {};
  confirmed(sender);
}

void Home::confirmed(const SenderRef& sender) {
  if (sender.read_at != Clock::time_point{})
    homes_.loop().counters().durable.add_time(homes_.loop().now() - sender.read_at);
  if (sender.sent_copy != 0) committed(sender.sent_copy);
  const auto tell = [this](const SenderRef& which) {
    if (Session* session = find_serial(which.session)) session->handled(which.stanza);
  };
  tell(sender);
  if (sender.resend_key.empty()) return;
  const auto resent = unconfirmed_.extract(sender.resend_key);
  if (resent.empty()) return;
  for (const SenderRef& duplicate : resent.mapped()) tell(duplicate);
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
  if (is_request && (payload == nullptr || payload->next_element() != nullptr))
    return refuse(xmpp::Condition::bad_request);
  auto to = addressee(*iq, jid_);
  if (!to) return is_request ? refuse(xmpp::Condition::jid_malformed) : void();
  // REQUIREMENTS 15: a roster push comes from the server alone, and so does one of the block list (XEP-0191 §3.3).
  const bool is_push = is_request && (payload->ns() == xmpp::ns::roster || payload->ns() == xmpp::ns::blocking);
  if (is_push && !to->is_bare() && to->has_local()) return refuse(xmpp::Condition::service_unavailable);
  for (const auto& hook : node().features().stanza_from_client) {
    const Verdict verdict = hook(session, *iq);
    if (verdict.error) return is_request ? session.send(*xmpp::error_reply(*iq, *verdict.error)) : void();
    if (verdict.drop) return;
  }
  auto stay = session.stay_in(*to);
  node().router().route(
      {.from = session.jid(), .to = std::move(*to), .stanza = std::move(iq), .stay = std::move(stay)});
}

}  // namespace rookery::server
