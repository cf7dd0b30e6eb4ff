// What service discovery tells about an account's nodes (XEP-0060 §5).
#include "server/feature.h"
#include "server/features/features.h"
#include "server/features/pep/pep_node.h"
#include "server/home/home.h"
#include "server/node.h"
#include "server/task.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/disco.h"

namespace rookery::server {

using xmpp::Condition;

namespace {

Task<void> node_info(IqRequest request, std::string name) {
  auto work = [owner = request.to(), name](storage::Stores& stores) { return pep::load(stores.pubsub(), owner, name); };
  auto job = request.node().stores().run(std::move(work));
  const auto node = co_await job;
  if (!node) co_return request.fail(node.error());
  const Home* home = request.home();
  if (home == nullptr) co_return request.fail(Condition::service_unavailable);
  const auto asking = pep::viewer(*home, request.from());
  if (!*node) co_return request.fail(pep::refusal(asking, nullptr));
  if (!pep::may_see(asking, **node)) co_return request.fail(pep::refusal(asking, &**node));
  xmpp::DiscoInfo info{.node = name, .identities = {{.category = "pubsub", .type = "leaf", .name = {}, .lang = {}}}};
  info.features = {std::string(xmpp::ns::disco_info), std::string(xmpp::ns::pubsub)};
  info.forms.push_back((*node)->config.metadata());
  auto result = request.make_result();
  info.add_to(*result);
  request.reply(std::move(result));
}

Task<void> node_list(IqRequest request) {
  auto work = [owner = request.to()](storage::Stores& stores) -> Result<std::vector<pep::PepNode>> {
    const auto stored = stores.pubsub().nodes(owner);
    if (!stored) return std::unexpected<Error>(stored.error());
    std::vector<pep::PepNode> nodes;
    for (const auto& one : *stored) {
      auto node = pep::load(stores.pubsub(), owner, one.name);
      if (!node) return std::unexpected<Error>(node.error());
      if (*node) nodes.push_back(std::move(**node));
    }
    return nodes;
  };
  auto job = request.node().stores().run(std::move(work));
  const auto nodes = co_await job;
  if (!nodes) co_return request.fail(nodes.error());
  const Home* home = request.home();
  if (home == nullptr) co_return request.fail(Condition::service_unavailable);
  const auto asking = pep::viewer(*home, request.from());
  // REQUIREMENTS 16: a list, even an empty one, would tell a stranger that the account exists.
  if (!asking.sees_presence) co_return request.fail(Condition::service_unavailable);
  xmpp::DiscoItems list;
  for (const auto& node : *nodes) {
    if (pep::may_see(asking, node)) list.items.push_back({.jid = request.to(), .node = node.name, .name = node.config.title});
  }
  auto result = request.make_result();
  list.add_to(*result);
  request.reply(std::move(result));
}

Task<void> item_list(IqRequest request, std::string name) {
  struct Found {
    std::optional<pep::PepNode> node;
    std::vector<storage::PubsubItem> items;
  };
  auto work = [owner = request.to(), name](storage::Stores& stores) -> Result<Found> {
    auto node = pep::load(stores.pubsub(), owner, name);
    if (!node) return std::unexpected<Error>(node.error());
    if (!*node) return Found{};
    auto items = stores.pubsub().items(owner, name, pep::most_items);
    if (!items) return std::unexpected<Error>(items.error());
    return Found{std::move(*node), std::move(*items)};
  };
  auto job = request.node().stores().run(std::move(work));
  const auto found = co_await job;
  if (!found) co_return request.fail(found.error());
  const Home* home = request.home();
  if (home == nullptr) co_return request.fail(Condition::service_unavailable);
  const auto asking = pep::viewer(*home, request.from());
  if (!found->node) co_return request.fail(pep::refusal(asking, nullptr));
  if (!pep::may_see(asking, *found->node)) co_return request.fail(pep::refusal(asking, &*found->node));
  xmpp::DiscoItems list{.node = name, .items = {}, .page = {}};
  // XEP-0060 §5.5: the item's id is the name, there is no node.
  for (const auto& item : found->items) list.items.push_back({.jid = request.to(), .node = {}, .name = item.id});
  auto result = request.make_result();
  list.add_to(*result);
  request.reply(std::move(result));
}

}  // namespace

void pep_disco_info(IqRequest request) {
  std::string name(request.payload().attr("node"));
  spawn(node_info(std::move(request), std::move(name)), "pep_disco_info");
}

void pep_disco_items(IqRequest request) {
  std::string name(request.payload().attr("node"));
  if (name.empty()) return spawn(node_list(std::move(request)), "pep_disco_items");
  spawn(item_list(std::move(request), std::move(name)), "pep_disco_items");
}

}  // namespace rookery::server
