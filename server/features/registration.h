// XEP-0077 before authentication, for the edge.
#pragma once

#include <functional>
#include <string>

#include "xmpp/element.h"

namespace rookery::server {

class Node;

/// Answers any iq of a stream to `domain` that is not authenticated yet; `reply` is called once, on the calling loop.
void register_before_auth(Node& node, xmpp::ElementPtr iq, const std::string& domain, std::move_only_function<void(xmpp::ElementPtr)> reply);

}  // namespace rookery::server
