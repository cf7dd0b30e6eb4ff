// The pubsub engine's door: requests to the nodes of an account (XEP-0163) or of a service (XEP-0060).
#pragma once

#include "server/caps.h"
#include "server/feature.h"
#include "server/pubsub/access.h"
#include "server/task.h"

namespace rookery::server::pubsub {

/// Features of XEP-0060 §10 that work at accounts and at services alike, without "http://jabber.org/protocol/pubsub#".
void advertise_common(IqTable& table);

/// Answers a pubsub iq. On the loop that owns `request.to()`.
void serve(IqRequest request, Viewer viewer);
/// disco#info about a node (XEP-0060 §5.4), disco#items of a node (§5.5) and, without one, of the account or service
/// (§5.2).
void serve_node_info(IqRequest request, Viewer viewer);
void serve_items(IqRequest request, Viewer viewer);
/// A message to `owner`, which answers a request for a subscription (§8.6)? Then it is dealt with, and true is
/// returned.
bool serve_authorization(Node& node, const xmpp::Jid& owner, const Viewer& viewer, const xmpp::Element& message);

/// XEP-0060 §6.1.7 and XEP-0163 §4.3.4: the last item of each of these nodes of an account, as far as `full` may see
/// it.
Task<void> send_last_items(Node& server, xmpp::Jid owner, xmpp::Jid full, Interests nodes);
/// The same at a service, for the nodes that `full` has subscribed to and that send it at every presence.
Task<void> send_subscribed_items(Node& server, xmpp::Jid owner, xmpp::Jid full);

/// REQUIREMENTS 16: to strangers whatever is refused sounds as if there were no account.
bool is_stranger(const IqRequest& request, const Viewer& viewer);

}  // namespace rookery::server::pubsub
