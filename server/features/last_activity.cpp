// XEP-0012: Last Activity, of the server (its uptime) and of accounts (since the last logout).
#include <algorithm>

#include "server/access.h"
#include "server/features/features.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/entity_queries.h"

namespace rookery::server {

namespace {

void reply_seconds(IqRequest& request, std::chrono::seconds ago) {
  auto result = request.make_result();
  xmpp::LastActivity{.ago = ago, .status = {}}.add_to(*result);
  request.reply(std::move(result));
}

void answer_account(IqRequest request) {
  if (refused_to_strangers(request)) return;
  const auto sessions = request.home()->sessions();
  // §3.1: with an available resource the account is active now.
  if (std::ranges::any_of(sessions, [](const Session* session) { return session->available; })) {
    return reply_seconds(request, std::chrono::seconds(0));
  }
  // The value is the time of the last logout in seconds since 1970.
  auto read = [owner = request.to()](storage::Stores& stores) { return stores.values().get(owner, "last", ""); };
  request.node().stores().run(read, [request = std::move(request)](Result<std::optional<std::string>> stored) mutable {
    if (!stored) return request.fail(stored.error());
    const auto logout = *stored ? xmpp::parse_unsigned(**stored, 1ull << 40) : std::nullopt;
    if (!logout) return request.fail(xmpp::Condition::item_not_found);
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()).time_since_epoch();
    reply_seconds(request, std::max(now - std::chrono::seconds(*logout), std::chrono::seconds(0)));
  });
}

}  // namespace

void install_last_activity(Node&, FeatureRegistry& registry) {
  const auto started_at = std::chrono::steady_clock::now();
  registry.on_iq(Scope::server, "get", "query", xmpp::ns::last_activity, [started_at](IqRequest request) {
    reply_seconds(request, std::chrono::floor<std::chrono::seconds>(std::chrono::steady_clock::now() - started_at));
  });
  registry.on_iq(Scope::account, "get", "query", xmpp::ns::last_activity, answer_account);
  registry.advertise(Scope::server, xmpp::ns::last_activity);
  registry.advertise(Scope::account, xmpp::ns::last_activity);
  registry.implements({.number = 12,
                       .name = "Last Activity",
                       .version = "2.0",
                       .left_out = {},
                       .tests = "golden/disco/last_activity.scs"});
}

}  // namespace rookery::server
