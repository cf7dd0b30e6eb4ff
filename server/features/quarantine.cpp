// REQUIREMENTS 28: an account that was made in band without an invitation begins in quarantine (server/quarantine.h).
#include "server/features/features.h"
#include "server/home/home.h"
#include "server/node.h"

namespace rookery::server {

namespace {

/// What reaches somebody unasked. Rooms have moderators of their own.
bool addresses_somebody(const xmpp::Element& stanza) {
  const auto type = stanza.attr("type");
  if (stanza.name() == "message") return type != "groupchat" && type != "error";
  return stanza.name() == "presence" && type == "subscribe";
}

bool is_acquainted(const Home& home, const xmpp::Jid& to) {
  const auto contact = home.contacts().find(to.bare_text());
  return contact && contact->subscription() != storage::RosterItem::Subscription::none;
}

}  // namespace

void install_quarantine(Node& node, FeatureRegistry& registry) {
  registry.stanza_from_client.push_back([&node](Session& session, xmpp::Element& stanza) -> Verdict {
    Home& home = session.home();
    const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    if (!home.quarantine.holds(now) || !addresses_somebody(stanza)) return {};
    const auto to = xmpp::Jid::parse(stanza.attr("to"));
    if (!to || !to->has_local() || to->same_bare(home.jid()) || is_acquainted(home, *to)) return {};
    if (home.quarantine.may_address_stranger(now, node.config().quarantine_strangers)) return {};
    return {.drop = false,
            .error =
                xmpp::StanzaError{.condition = xmpp::Condition::policy_violation,
                                  .text = "A new account may write to few people who are not its contacts. Try later"}};
  });
}

}  // namespace rookery::server
