// Unique and Stable Stanza IDs, XEP-0359.
#pragma once

#include "xmpp/payloads/payload.h"

namespace rookery::xmpp {

/// The sender's own id; nullopt when there is none or it is empty.
std::optional<std::string> find_origin_id(const Element& message);
void add_origin_id(Element& message, std::string_view id);

/// The id that `by` gave. nullopt when there is none, or when there are several and so none can be trusted (§3 rule 4).
/// Only meaningful if `by` is known to remove forged ones.
std::optional<std::string> find_stanza_id(const Element& message, const Jid& by);
/// §3 rule 2: whoever is `by` removes what claims to be its own. Returns how many there were.
size_t remove_stanza_ids(Element& message, const Jid& by);
void add_stanza_id(Element& message, const Jid& by, std::string_view id);

}  // namespace rookery::xmpp
