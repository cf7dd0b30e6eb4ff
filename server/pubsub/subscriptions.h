// What the handlers of subscribers and of owners share about subscriptions.
#pragma once

#include "server/pubsub/call.h"

namespace rookery::server::pubsub {

/// Of exactly this JID.
Result<std::optional<storage::PubsubSubscription>> find_subscription(storage::Stores& stores, const Leaf& leaf,
                                                                     const xmpp::Jid& jid);
/// unexpected-request with not-subscribed (§6.2.3.2, §6.3.4.2).
xmpp::StanzaError not_subscribed();

/// Has `entity` let `who` see its presence, so that it need not be asked whether it wants to hear of who's nodes? By
/// the roster of either, as far as they are accounts of ours.
Result<bool> has_approved(storage::Stores& stores, const xmpp::Jid& entity, const xmpp::Jid& who);
/// §8.6: asks the owners to approve the subscription.
Status add_requests(storage::Stores& stores, const Leaf& leaf, const xmpp::Jid& subscriber, Effects& effects);
/// pubsub#notify_sub
Status tell_owners(storage::Stores& stores, const Leaf& leaf, const xmpp::Jid& subscriber, std::string_view state,
                   Effects& effects);
/// §12.16: tells the subscriber what has become of its subscription.
void tell_subscriber(const Leaf& leaf, const xmpp::Jid& subscriber, std::string_view state, Effects& effects);
/// The access model, or the groups that it admits, are others now: ends the subscriptions of those whom the node would
/// not let in any more; where an owner has to approve, those whom none has approved wait.
Status settle_access(storage::Stores& stores, const Leaf& leaf, Effects& effects);
/// Stores the state ("none" removes), tells the subscriber, and gives the last item to one who was waiting.
Status change_state(storage::Stores& stores, const Leaf& leaf, storage::PubsubSubscription subscription,
                    std::string_view state, Effects& effects);
/// §6.1.7, as far as the node is configured for it.
Status send_last_item_to(storage::Stores& stores, const Leaf& leaf, const xmpp::Jid& to, Effects& effects);

/// §8.6: an owner's answer to what add_requests() asked; nothing happens for one who is no owner, for a cancelled form,
/// or when nobody waits.
Result<Effects> authorize(storage::Stores& stores, const xmpp::Jid& owner, const Viewer& viewer,
                          const xmpp::DataForm& form);
/// The form of such an answer in a message; nullopt when it is something else.
std::optional<xmpp::DataForm> find_authorization(const xmpp::Element& message);

}  // namespace rookery::server::pubsub
