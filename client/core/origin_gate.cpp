#include "client/core/origin_gate.h"

#include "xmpp/namespaces.h"
#include "xmpp/payloads/carbons.h"
#include "xmpp/payloads/mam.h"

namespace rookery::client {

namespace ns = xmpp::ns;
using origin::Checked;
using origin::Refused;

bool OriginGate::is_from_own_account(const xmpp::Element& stanza) const {
  // RFC 6120 §8.1.2.1: without `from` it is our own account's server that speaks for it.
  if (!stanza.has_attr("from")) return true;
  const auto from = xmpp::Jid::parse(stanza.attr("from"));
  return from && *from == own_.bare();
}

bool OriginGate::is_answer_from(const xmpp::Jid& asked, std::string_view from_text) const {
  const bool asked_own_account = asked.empty() || asked == own_.bare();
  if (from_text.empty()) return asked_own_account;
  const auto from = xmpp::Jid::parse(from_text);
  if (!from) return false;
  if (asked.empty()) return *from == own_.bare() || *from == own_ || *from == own_.domain_jid();
  return *from == asked;
}

Checked OriginGate::check(const xmpp::Element& stanza) const {
  if (stanza.name() == "message") return check_message(stanza);
  if (stanza.name() == "iq") return check_iq(stanza);
  if (stanza.name() != "presence") return Refused{"unknown stanza"};
  const auto from = xmpp::Jid::parse(stanza.attr("from"));
  if (!from) return Refused{"presence without a valid sender"};
  return origin::Presence{&stanza, *from};
}

Checked OriginGate::check_message(const xmpp::Element& message) const {
  if (xmpp::claims_to_be_carbon(message)) return check_carbon(message);
  if (message.child("result", ns::mam)) return check_archive_result(message);
  if (const auto* event = message.child("event", ns::pubsub_event)) return check_event(message, *event);
  const auto from = xmpp::Jid::parse(message.attr("from"));
  if (!from) return Refused{"message without a valid sender"};
  return origin::Message{&message, *from};
}

Checked OriginGate::check_carbon(const xmpp::Element& message) const {
  // XEP-0280 §11: anyone else could put words into anyone's mouth.
  if (!message.has_attr("from") || !is_from_own_account(message)) return Refused{"carbon copy from a stranger"};
  const auto carbon = xmpp::Carbon::parse(message);
  if (!carbon || carbon->forwarded.stanza->name() != "message") return Refused{"malformed carbon copy"};
  const xmpp::Element& inner = *carbon->forwarded.stanza;
  const auto from = xmpp::Jid::parse(inner.attr("from"));
  if (!from) return Refused{"carbon copy of a message without a valid sender"};
  const bool sent = carbon->direction == xmpp::Carbon::Direction::sent;
  if (sent != from->same_bare(own_)) {
    // A message to ourselves is copied both ways; what we receive otherwise is not from us, what we sent is.
    const auto to = xmpp::Jid::parse(inner.attr("to"));
    if (sent || !to || !to->same_bare(own_)) return Refused{"carbon copy with the wrong direction"};
  }
  return origin::Carbon{&inner, *from, sent, carbon->forwarded.delay};
}

Checked OriginGate::check_archive_result(const xmpp::Element& message) const {
  // XEP-0313 §8.1 (security): only the archive that was asked; ours is the only one that is asked so far.
  if (!is_from_own_account(message)) return Refused{"archive result from a stranger"};
  auto parsed = xmpp::MamResult::parse(message);
  if (!parsed || parsed->query_id.empty() || parsed->id.empty()) return Refused{"malformed archive result"};
  const auto& forwarded = parsed->forwarded;
  if (forwarded.stanza->name() != "message") return Refused{"archive result that is no message"};
  const auto from = xmpp::Jid::parse(forwarded.stanza->attr("from"));
  if (!from) return Refused{"archived message without a valid sender"};
  return origin::ArchiveResult{forwarded.stanza, own_.bare(), *from, parsed->query_id, parsed->id, forwarded.delay};
}

Checked OriginGate::check_event(const xmpp::Element& message, const xmpp::Element& event) const {
  // XEP-0163 §4.3.1: PEP events come from the owner's bare JID. Our own may come without `from`.
  xmpp::Jid owner = own_.bare();
  if (message.has_attr("from")) {
    const auto from = xmpp::Jid::parse(message.attr("from"));
    if (!from || !from->is_bare()) return Refused{"PEP event that is not from an account"};
    owner = *from;
  }
  const auto* items = event.child("items", ns::pubsub_event);
  if (!items || message.attr("type") == "error") return Refused{"PEP event without items"};
  return origin::PepEvent{owner, std::string(items->attr("node")), items};
}

Checked OriginGate::check_iq(const xmpp::Element& iq) const {
  if (iq.attr("type") != "get" && iq.attr("type") != "set") return Refused{"answer to no question"};
  if (const auto* query = iq.child("query", ns::roster); query && iq.attr("type") == "set") {
    // RFC 6121 §2.1.6: a push from anyone else is ignored.
    if (!is_from_own_account(iq)) return Refused{"roster push from a stranger"};
    return origin::RosterPush{&iq, query};
  }
  if (!iq.has_attr("from")) return origin::Request{&iq, own_.bare()};
  const auto from = xmpp::Jid::parse(iq.attr("from"));
  if (!from) return Refused{"request without a valid sender"};
  return origin::Request{&iq, *from};
}

}  // namespace rookery::client
