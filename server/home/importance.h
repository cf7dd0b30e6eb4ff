// Which stanzas can wait while nobody looks at the client (XEP-0352), and which are worth waking a device (XEP-0357):
// pure functions of the stanza.
#pragma once

#include <optional>
#include <string>

#include "xmpp/element.h"

namespace rookery::server {

/// Something that its receiver wants to be told of at once: a text, encrypted or not, a call, an invitation.
bool is_notable(const xmpp::Element& message);

/// The message of which this is a copy (XEP-0280), or itself.
const xmpp::Element& original_of(const xmpp::Element& message);

/// nullopt: the stanza must not wait. Else it may, and replaces what waits already under the same key; an empty key
/// replaces nothing. `stanza` is one from the server to a client.
std::optional<std::string> holding_key(const xmpp::Element& stanza);

}  // namespace rookery::server
