// Stanza Forwarding, XEP-0297.
#pragma once

#include "xmpp/payloads/delay.h"

namespace rookery::xmpp {

struct Forwarded {
  const Element* stanza = nullptr;  ///< never null after parse(); lives as long as the tree that was parsed
  std::optional<Delay> delay;

  /// nullopt unless there is exactly one message, presence or iq of namespace jabber:client inside.
  static std::optional<Forwarded> parse(const Element& forwarded);
};

/// Appends `<forwarded/>` with a copy of the stanza.
void add_forwarded(Element& parent, const Element& stanza, std::optional<TimePoint> stamp = {});

}  // namespace rookery::xmpp
