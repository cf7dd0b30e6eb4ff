// What a component or another server may say: the checks that a client's home makes, for a peer that has no home
// (REQUIREMENTS 15).
#pragma once

#include <expected>
#include <functional>

#include "server/routing/envelope.h"
#include "xmpp/errors.h"

namespace rookery::server {

class Node;

struct InboundRefusal {
  bool ends_stream = false;
  xmpp::StreamError stream = {};
  xmpp::ElementPtr answer = {};  ///< the stanza error for the peer; null: dropped silently
};

/// May the peer speak for the one address to the other?
using MaySpeak = std::function<bool(const xmpp::Jid& from, const xmpp::Jid& to)>;
/// The stanza, in jabber:client, as it goes to the router. `has_archives`: rooms there may answer queries (XEP-0313).
std::expected<Envelope, InboundRefusal> check_inbound(Node& node, const MaySpeak& may_speak, bool has_archives,
                                                      xmpp::ElementPtr stanza);

}  // namespace rookery::server
