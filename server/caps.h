// What the clients around an account listen to: the "+notify" features of their Entity Capabilities (XEP-0115, XEP-0163
// §4).
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "xmpp/element.h"
#include "xmpp/jid.h"

namespace rookery::server {

class Home;

/// Pubsub nodes: the features that end in "+notify", without that ending.
using Interests = std::set<std::string, std::less<>>;

/// Full JIDs, own clients and contacts', that are known to listen to `node`. Who may see it is for the caller to check.
std::vector<xmpp::Jid> listeners(Home& home, std::string_view node);
/// What the known clients of a contact listen to, by full JID.
std::vector<std::pair<xmpp::Jid, std::shared_ptr<const Interests>>> interests_of(Home& home, const xmpp::Jid& contact);

}  // namespace rookery::server
