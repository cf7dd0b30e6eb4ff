#include "client/core/outbox.h"

#include "client/core/conversations.h"
#include "crypto/random.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/stanza_id.h"
#include "xmpp/payloads/upload.h"

namespace rookery::client {

namespace ns = xmpp::ns;

Status Outbox::load() {
  auto waiting = messages_.outbox();
  if (!waiting) return std::unexpected(waiting.error());
  lines_.clear();
  unfinished_.clear();
  for (auto& outgoing : *waiting) {
    unfinished_.insert(outgoing.message.id);
    const auto peer = outgoing.message.peer;
    lines_[peer].queue.push_back(std::move(outgoing));
  }
  return {};
}

Result<ChatMessage> Outbox::submit(ChatMessage message, bool plain) {
  message.outgoing = true;
  message.origin_id = message.message_id = crypto::random_token();
  message.time = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  message.state = MessageState::pending;
  auto status = store_.transaction([&]() -> Status {
    auto id = messages_.add_outgoing(message, !plain);
    if (!id) return std::unexpected(id.error());
    message.id = *id;
    return message.alters.empty() ? Status() : alter_original(message);
  });
  if (!status) return std::unexpected(status.error());
  unfinished_.insert(message.id);
  lines_[message.peer].queue.push_back({message, !plain, ""});
  events_(event::MessageAdded{message, event::Via::own});
  pump(message.peer);
  return message;
}

Status Outbox::alter_original(const ChatMessage& change) {
  auto original = messages_.by_origin("", change.alters);
  if (!original) return std::unexpected(original.error());
  if (!*original) return fail(Failure::not_found, "the message to alter is not there");
  const Encryption before = (*original)->encryption;
  apply_alteration(**original, change);
  (*original)->encryption = before;  // how the change travels is not known yet
  return messages_.update(**original);
}

std::optional<xmpp::Alteration> Outbox::alteration_of(const ChatMessage& message) {
  if (message.alters.empty()) return std::nullopt;
  using Kind = xmpp::Alteration::Kind;
  return xmpp::Alteration{message.altered == Altered::retracted ? Kind::retraction : Kind::correction, message.alters};
}

void Outbox::on_caught_up() {
  ++session_;
  is_held_ = false;
  if (auto status = load(); !status) return events_(event::Notice{status.error().message});
  std::vector<xmpp::Jid> peers;
  for (const auto& [peer, line] : lines_) peers.push_back(peer);
  for (const auto& peer : peers) pump(peer);
}

void Outbox::pump(const xmpp::Jid& peer) {
  auto& line = lines_[peer];
  if (line.preparing || line.queue.empty() || is_held_ || !connection_.online()) return;
  line.preparing = true;
  omemo_.prepare(peer, [this, peer, session = session_](Status prepared) {
    if (session != session_) return;
    lines_[peer].preparing = false;
    if (connection_.online() && !is_held_) drain(peer, prepared);
  });
}

void Outbox::drain(const xmpp::Jid& peer, const Status& prepared) {
  auto& queue = lines_[peer].queue;
  while (!queue.empty()) {
    Outgoing outgoing = std::move(queue.front());
    queue.pop_front();
    send(outgoing, prepared);
  }
}

void Outbox::send(Outgoing& outgoing, const Status& prepared) {
  auto& message = outgoing.message;
  if (outgoing.xml.empty()) {
    // One commit for the ratchet and the stanza: after a crash the same stanza goes out, never a second encryption.
    auto status = store_.transaction([&]() -> Status {
      auto xml = compose(outgoing, prepared);
      if (!xml) return std::unexpected(xml.error());
      outgoing.xml = std::move(*xml);
      message.state = MessageState::sent;
      if (message.encryption != Encryption::none) {
        if (auto marked = mark_encrypted_chat(store_, message.peer); !marked) return marked;
      }
      return messages_.set_outgoing_xml(message.id, message, outgoing.xml);
    });
    if (!status) return fail_message(std::move(message), status.error().message);
    events_(event::MessageChanged{message});
  }
  connection_.send_xml(outgoing.xml, message.id);
}

Result<std::string> Outbox::compose(Outgoing& outgoing, const Status& prepared) {
  auto& message = outgoing.message;
  auto stanza = xmpp::Element::make("message", ns::client);
  stanza->set_attr("to", message.peer.text()).set_attr("type", "chat").set_attr("id", message.message_id);
  xmpp::add_origin_id(*stanza, message.origin_id);
  stanza->add("request", ns::receipts);
  if (!outgoing.encrypt) return compose_plain(message, *stanza);
  if (!prepared)
    return fail(Failure::unavailable, "not sent: it cannot be learned now whether " + message.peer.text() +
                                          " can read encrypted messages (" + prepared.error().message + ")");
  if (!omemo_.has_devices(message.peer)) {
    if (is_encrypted_chat(store_, message.peer))
      return fail(Failure::denied,
                  "not sent: " + message.peer.text() +
                      " has no OMEMO device any more, but this conversation is encrypted; /plain sends it anyway");
    return compose_plain(message, *stanza);
  }
  auto encryption = omemo_.encrypt(message.peer, message.text, alteration_of(message), *stanza);
  if (!encryption) return std::unexpected(encryption.error());
  message.encryption = *encryption;
  message.sender_device = omemo_.own_device().device;
  message.trust = crypto::omemo::Trust::verified;
  return stanza->to_xml(ns::client);
}

std::string Outbox::compose_plain(const ChatMessage& message, xmpp::Element& stanza) {
  if (const auto alteration = alteration_of(message)) alteration->add_to(stanza);
  stanza.add("body").add_text(message.text);
  // XEP-0066 §3: that the address in the body is a file and no link.
  if (message.is_file) stanza.add("x", ns::oob).add_text_child("url", message.text);
  return stanza.to_xml(ns::client);
}

void Outbox::fail_message(ChatMessage message, std::string problem) {
  message.state = MessageState::failed;
  message.problem = std::move(problem);
  unfinished_.erase(message.id);
  if (auto status = messages_.finish_outgoing(message); !status) events_(event::Notice{status.error().message});
  events_(event::MessageChanged{message});
}

void Outbox::on_acknowledged(int64_t id) {
  unfinished_.erase(id);
  auto message = messages_.by_id(id);
  if (!message || !*message) return;
  const bool is_news = (*message)->state < MessageState::acked;
  if (is_news) (*message)->state = MessageState::acked;
  if (auto status = messages_.finish_outgoing(**message); !status)
    return events_(event::Notice{status.error().message});
  if (is_news) events_(event::MessageChanged{**message});
}

void Outbox::on_bounced(std::string_view message_id, const xmpp::Jid& from, const std::string& reason) {
  auto message = messages_.by_origin("", message_id);
  if (!message || !*message || !OriginGate::may_acknowledge((*message)->peer, from)) return;
  if ((*message)->state == MessageState::delivered) return;
  fail_message(std::move(**message), reason);
}

void Outbox::on_receipt(std::string_view message_id, const xmpp::Jid& from) {
  auto message = messages_.by_origin("", message_id);
  if (!message || !*message || !OriginGate::may_acknowledge((*message)->peer, from)) return;
  if ((*message)->state == MessageState::delivered) return;
  unfinished_.erase((*message)->id);
  (*message)->state = MessageState::delivered;
  if (auto status = messages_.finish_outgoing(**message); !status)
    return events_(event::Notice{status.error().message});
  events_(event::MessageChanged{**message});
}

}  // namespace rookery::client
