#include "xmpp/payloads/carbons.h"

#include "xmpp/namespaces.h"

namespace rookery::xmpp {

std::optional<Carbon> Carbon::parse(const Element& message) {
  const Element* received = message.child("received", ns::carbons);
  const Element* sent = message.child("sent", ns::carbons);
  if ((received == nullptr) == (sent == nullptr)) return std::nullopt;
  const Element& wrapper = received ? *received : *sent;
  const Element* inner = wrapper.child("forwarded", ns::forward);
  if (!inner) return std::nullopt;
  const auto forwarded = Forwarded::parse(*inner);
  if (!forwarded || forwarded->stanza->name() != "message") return std::nullopt;
  return Carbon{received ? Direction::received : Direction::sent, *forwarded};
}

ElementPtr Carbon::wrap(Direction direction, const Element& message, const Jid& account, const Jid& to) {
  auto copy = Element::make("message", ns::client);
  copy->set_attr("from", account.bare_text()).set_attr("to", to.text());
  if (message.has_attr("type")) copy->set_attr("type", message.attr("type"));
  add_forwarded(copy->add(direction == Direction::received ? "received" : "sent", ns::carbons), message);
  return copy;
}

bool claims_to_be_carbon(const Element& message) {
  return message.child("received", ns::carbons) != nullptr || message.child("sent", ns::carbons) != nullptr;
}

bool is_carbon_private(const Element& message) { return message.child("private", ns::carbons) != nullptr; }

}  // namespace rookery::xmpp
