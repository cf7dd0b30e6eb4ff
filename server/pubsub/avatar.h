// An account's avatar: in the nodes of XEP-0084, in its vCard (XEP-0153) and in its presence (XEP-0398). The nodes hold
// it; a vCard is read with the picture that its reader may see there.
#pragma once

#include "server/pubsub/access.h"
#include "server/pubsub/effects.h"
#include "xmpp/payloads/vcard.h"

namespace rookery::server::pubsub {

// All on the store's worker.

/// `urn:xmpp:avatar:metadata` or `urn:xmpp:avatar:data` has changed: what does presence say now?
Status avatar_from_node(storage::Stores& stores, const xmpp::Jid& owner, Effects& effects);
/// A vCard is to be stored: its photograph is published and taken out of it. One without photograph ends the avatar.
Status avatar_from_vcard(storage::Stores& stores, const xmpp::Jid& owner, xmpp::Element& vcard, Effects& effects);
/// The avatar that this viewer may see.
Result<std::optional<xmpp::VcardPhoto>> avatar_for(storage::Stores& stores, const xmpp::Jid& owner,
                                                   const Viewer& viewer);

}  // namespace rookery::server::pubsub
