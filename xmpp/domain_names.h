// Domains as DNS and certificates have them.
#pragma once

#include <string>
#include <string_view>

namespace rookery::xmpp {

/// A-labels (RFC 5890) of a domain that is prepared, as a Jid's is; addresses stay as they are.
std::string ascii_domain(std::string_view prepared);

}  // namespace rookery::xmpp
