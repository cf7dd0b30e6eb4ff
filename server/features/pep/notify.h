// Who is told of what happens at a node (XEP-0163 §4.3).
#pragma once

#include "server/caps.h"
#include "server/features/pep/pep_node.h"
#include "server/task.h"
#include "xmpp/element.h"

namespace rookery::server {

class Node;

namespace pep {

/// A headline from the account, to be given an event.
xmpp::ElementPtr make_notification(const xmpp::Jid& owner);
/// Sends it to everyone who listens to the node and may see it.
void notify(Home& home, const PepNode& node, const xmpp::Element& message);
/// XEP-0060 §6.1.7 and XEP-0163 §4.3.4: the last item of each of these nodes, as far as `full` may see it.
Task<void> send_last_items(Node& server, xmpp::Jid owner, xmpp::Jid full, Interests nodes);

}  // namespace pep
}  // namespace rookery::server
