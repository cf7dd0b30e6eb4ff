// Answers to what others ask this client: disco, ping, version, time (XEP-0030, 0115, 0199, 0092, 0202).
#pragma once

#include <string>

#include "client/core/net/connection.h"

namespace rookery::client {

/// The answer to a request. Strangers learn nothing but that we do not answer (RFC 6120 §8.3.3.19).
xmpp::ElementPtr answer_request(const xmpp::Element& iq, bool sender_may_know);
/// XEP-0115: the `<c/>` of our presence.
void add_caps(xmpp::Element& presence);

}  // namespace rookery::client
