#include "server/pubsub/serve.h"

#include <variant>

#include "server/home/home.h"
#include "server/node.h"
#include "server/pubsub/call.h"
#include "server/pubsub/subscriptions.h"
#include "xmpp/namespaces.h"

namespace rookery::server::pubsub {

using xmpp::Condition;

namespace {

constexpr std::string_view common_features[] = {
    "access-authorize",
    "access-open",
    "access-presence",
    "access-roster",
    "access-whitelist",
    "auto-create",
    "config-node",
    "config-node-max",
    "create-and-configure",
    "create-nodes",
    "delete-items",
    "delete-nodes",
    "instant-nodes",
    "item-ids",
    "leased-subscription",
    "manage-subscriptions",
    "member-affiliation",
    "meta-data",
    "modify-affiliations",
    "multi-items",
    "outcast-affiliation",
    "persistent-items",
    "presence-notifications",
    "publish",
    "publish-only-affiliation",
    "publish-options",
    "publisher-affiliation",
    "purge-nodes",
    "retract-items",
    "retrieve-affiliations",
    "retrieve-default",
    "retrieve-default-sub",
    "retrieve-items",
    "retrieve-subscriptions",
    "rsm",
    "subscribe",
    "subscription-notifications",
    "subscription-options",
};

void refuse(IqRequest& request, const Viewer& viewer, const xmpp::StanzaError& error) {
  if (is_stranger(request, viewer)) return request.fail(Condition::service_unavailable);
  request.fail(error);
}

Task<void> run(IqRequest request, Viewer viewer, wire::Request wanted) {
  const Call call{request.stanza(), request.to(), viewer, request.node().config().pubsub_bytes_per_account};
  auto work = [&call, &wanted](storage::Stores& stores) {
    return std::visit([&](const auto& one) { return handle(stores, call, one); }, wanted);
  };
  auto job = request.node().stores_of(request.to()).run(std::move(work));
  auto outcome = co_await job;
  if (!outcome && is_stranger(request, viewer)) co_return request.fail(Condition::service_unavailable);
  if (!outcome) co_return request.fail(outcome.error());
  if (!*outcome) co_return refuse(request, viewer, (*outcome).error());
  Answer& answer = **outcome;
  // A list, even an empty one, would tell a stranger that the account exists.
  if (answer.is_empty && is_stranger(request, viewer)) co_return request.fail(Condition::service_unavailable);
  request.reply(std::move(answer.iq));
  tell(request.node(), request.to(), std::move(answer.effects));
}

Task<void> run_authorization(Node& node, xmpp::Jid owner, Viewer viewer, xmpp::DataForm form) {
  auto work = [&](storage::Stores& stores) { return authorize(stores, owner, viewer, form); };
  auto job = node.stores_of(owner).run(std::move(work));
  auto effects = co_await job;
  if (effects) tell(node, owner, std::move(*effects));
}

}  // namespace

void advertise_common(IqTable& table) {
  table.advertise(xmpp::ns::pubsub);
  for (const auto feature : common_features)
    table.advertise(std::string(xmpp::ns::pubsub) + "#" + std::string(feature));
  table.advertise(xmpp::ns::rsm);
}

bool is_stranger(const IqRequest& request, const Viewer& viewer) {
  return request.to().has_local() && !viewer.sees_presence;
}

void serve(IqRequest request, Viewer viewer) {
  auto wanted = wire::parse_request(request.stanza());
  if (!wanted) return refuse(request, viewer, wanted.error());
  spawn(run(std::move(request), std::move(viewer), std::move(*wanted)), "pubsub");
}

bool serve_authorization(Node& node, const xmpp::Jid& owner, const Viewer& viewer, const xmpp::Element& message) {
  auto form = find_authorization(message);
  if (!form) return false;
  spawn(run_authorization(node, owner, viewer, std::move(*form)), "pubsub_authorization");
  return true;
}

}  // namespace rookery::server::pubsub
