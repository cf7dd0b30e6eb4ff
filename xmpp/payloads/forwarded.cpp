#include "xmpp/payloads/forwarded.h"

#include "xmpp/namespaces.h"

namespace rookery::xmpp {

std::optional<Forwarded> Forwarded::parse(const Element& forwarded) {
  Forwarded result;
  for (const Element& child : forwarded.elements()) {
    if (child.ns() != ns::client) continue;
    if (child.name() != "message" && child.name() != "presence" && child.name() != "iq") continue;
    if (result.stanza) return std::nullopt;
    result.stanza = &child;
  }
  if (!result.stanza) return std::nullopt;
  result.delay = Delay::find(forwarded);
  return result;
}

void add_forwarded(Element& parent, const Element& stanza, std::optional<TimePoint> stamp) {
  Element& forwarded = parent.add("forwarded", ns::forward);
  if (stamp) Delay{*stamp, {}, {}}.add_to(forwarded);
  forwarded.add_copy(stanza);
}

}  // namespace rookery::xmpp
