// XEP-0489: Reporting Account Affiliations, the query.
#include "server/features/features.h"
#include "server/home/home.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/time.h"

namespace rookery::server {

namespace {

/// §5: a server may choose whom it tells. REQUIREMENTS 16: to all others it looks as if there were no such account (the
/// XEP's forbidden, a MAY, would tell that there is).
bool may_ask(const IqRequest& request) {
  const Home* home = request.home();
  if (home == nullptr) return false;
  const xmpp::Jid& from = request.from();
  const Node& node = request.node();
  if (request.is_own_account()) return true;
  const bool is_ours = request.node().router().is_ours(from.domain());
  if (!is_ours && node.config().affiliations_to != "anyone") return false;
  const bool is_service = !from.has_local() || request.node().features().service(from.domain()) != nullptr;
  return is_service || home->may_see_presence(from);
}

struct Known {
  bool has_registered = false;  ///< itself, by XEP-0077
  storage::TimePoint created{};
};

Result<Known> look_up(storage::Stores& stores, const xmpp::Jid& jid) {
  const auto account = stores.accounts().find(jid);
  if (!account) return std::unexpected<Error>(account.error());
  const auto origin = stores.values().get(jid, "origin", "");
  if (!origin) return std::unexpected<Error>(origin.error());
  return Known{.has_registered = *origin == "registered", .created = account->created};
}

void answer(IqRequest request) {
  if (!may_ask(request)) return request.fail(xmpp::Condition::service_unavailable);
  auto read = [jid = request.to()](storage::Stores& stores) { return look_up(stores, jid); };
  request.node().stores().read(std::move(read), [request = std::move(request)](Result<Known> known) mutable {
    if (!known) return request.fail(xmpp::Condition::service_unavailable);
    auto result = request.make_result();
    auto& info = result->add("info", xmpp::ns::affiliations);
    // §5: administrators may be reported as members.
    info.set_attr("affiliation", known->has_registered ? "registered" : "member");
    // §5: SHOULD for those that have registered; §7.1: the day is enough.
    if (known->has_registered)
      info.set_attr("since", xmpp::format_date_time(std::chrono::floor<std::chrono::days>(known->created)));
    request.reply(std::move(result));
  });
}

}  // namespace

void install_affiliations(Node& node, FeatureRegistry& registry) {
  if (node.config().affiliations_to == "nobody") return;
  registry.on_iq(Scope::account, "get", "query", xmpp::ns::affiliations, answer);
  registry.advertise(Scope::server, xmpp::ns::affiliations);
  registry.implements({.number = 489,
                       .name = "Reporting Account Affiliations",
                       .version = "0.1.0",
                       .left_out = "embedding in stanzas, trust",
                       .tests = "golden/registration/affiliations.scs"});
}

}  // namespace rookery::server
