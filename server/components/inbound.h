// What a component may say: the checks that a client's home makes, for a peer that has no home (REQUIREMENTS 15).
#pragma once

#include <expected>

#include "server/components/component.h"

namespace rookery::server {

struct InboundRefusal {
  bool ends_stream = false;
  xmpp::StreamError stream = {};
  xmpp::ElementPtr answer = {};  ///< the stanza error for the component; null: dropped silently
};

/// The stanza, in jabber:client, as it goes to the router.
std::expected<Envelope, InboundRefusal> check_inbound(Node& node, const Component& component, xmpp::ElementPtr stanza);

}  // namespace rookery::server
