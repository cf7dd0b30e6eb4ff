// What service discovery tells about nodes (XEP-0060 §5).
#include "xmpp/payloads/disco.h"

#include <algorithm>
#include <map>

#include "server/home/home.h"
#include "server/node.h"
#include "server/pubsub/call.h"
#include "server/pubsub/serve.h"
#include "xmpp/namespaces.h"

namespace rookery::server::pubsub {

using xmpp::Condition;

namespace {

constexpr size_t most_listed = 200;
constexpr size_t most_list_bytes = 256 * 1024;  ///< of the ids in a list of items
constexpr size_t most_looked_at = 1000;         ///< nodes, hidden ones included: one list must not hold up the store

Task<void> answer_with(IqRequest request, Viewer viewer, Outcome<Answer> (*handler)(storage::Stores&, const Call&)) {
  const Call call{request.stanza(), request.to(), viewer};
  auto work = [&call, handler](storage::Stores& stores) { return handler(stores, call); };
  auto job = request.node().stores().run(std::move(work));
  auto outcome = co_await job;
  const bool silent = is_stranger(request, viewer);
  if (silent && (!outcome || !*outcome)) co_return request.fail(Condition::service_unavailable);
  if (!outcome) co_return request.fail(outcome.error());
  if (!*outcome) co_return request.fail((*outcome).error());
  request.reply(std::move((*outcome)->iq));
}

std::string node_of(const Call& call) { return std::string(call.iq.first_element()->attr("node")); }

Outcome<Visit> visit_to_read(storage::Stores& stores, const Call& call) {
  auto found = visit(stores, call, node_of(call));
  if (!found || !*found) return found;
  const Visit& visit = **found;
  if (!may_read(visit.viewer, visit.leaf, visit.is_subscribed))
    return refused<Visit>(refusal(visit.viewer, visit.leaf));
  return found;
}

Outcome<Answer> node_info(storage::Stores& stores, const Call& call) {
  auto found = visit(stores, call, node_of(call));
  if (auto bad = problem(found)) return bad->as<Answer>();
  const Visit& visit = **found;
  // What a node is called is told to those who may subscribe to it.
  if (!may_subscribe(visit.viewer, visit.leaf)) return refused<Answer>(refusal(visit.viewer, visit.leaf));
  // "authorize" lets everyone ask; at an account only those learn of the node who may see its presence.
  if (call.owner.has_local() && !visit.viewer.sees_presence &&
      !may_read(visit.viewer, visit.leaf, visit.is_subscribed)) {
    return refused<Answer>(refusal(visit.viewer, visit.leaf));
  }
  xmpp::DiscoInfo info{
      .node = visit.leaf.name,
      .identities = {{.category = "pubsub", .type = "leaf", .name = visit.leaf.config.title, .lang = {}}}};
  info.features = {std::string(xmpp::ns::disco_info), std::string(xmpp::ns::pubsub)};
  info.forms.push_back(visit.leaf.config.metadata());
  Answer answer{xmpp::result_reply(call.iq), {}};
  info.add_to(*answer.iq);
  return answer;
}

Outcome<Answer> node_list(storage::Stores& stores, const Call& call) {
  // REQUIREMENTS 16: a list, even an empty one, would tell a stranger that the account exists.
  if (call.owner.has_local() && !call.viewer.sees_presence)
    return refused<Answer>({.condition = Condition::service_unavailable});
  const auto page = xmpp::RsmRequest::parse_child(*call.iq.first_element());
  if (auto bad = problem(page)) return bad->as<Answer>();
  // By name; XEP-0059 §2.2: what `after` names need not exist any more.
  const auto stored = stores.pubsub().nodes(call.owner, page->after.value_or(std::string()), most_looked_at + 1);
  if (auto bad = problem(stored)) return bad->as<Answer>();
  const auto own = stores.pubsub().affiliations_of(call.owner, call.viewer.jid);
  if (auto bad = problem(own)) return bad->as<Answer>();
  std::map<std::string_view, const storage::PubsubAffiliation*> affiliations;
  for (const auto& at : *own) affiliations.emplace(at.node, &at.affiliation);
  const size_t most = std::min<size_t>(page->max.value_or(most_listed), most_listed);
  size_t looked_at = 0;
  bool complete = true;
  xmpp::DiscoItems list;
  for (const auto& one : *stored) {
    if (list.items.size() == most || looked_at++ == most_looked_at) {
      complete = false;
      break;
    }
    Leaf leaf{.owner = call.owner,
              .name = one.name,
              .config = decode_config(call.owner, one.config),
              .affiliations = {},
              .creator = one.creator};
    if (const auto at = affiliations.find(one.name); at != affiliations.end()) leaf.affiliations = {*at->second};
    Viewer viewer = call.viewer;
    if (auto learned = learn_from_roster(stores, leaf, viewer); !learned)
      return std::unexpected<Error>(learned.error());
    if (may_subscribe(viewer, leaf))
      list.items.push_back({.jid = call.owner, .node = one.name, .name = leaf.config.title});
  }
  // No count: it would tell of nodes that are not shown.
  if (!list.items.empty() && (!complete || !page->empty())) {
    list.page = xmpp::RsmResult{
        .first = list.items.front().node, .last = list.items.back().node, .first_index = {}, .count = {}};
  }
  Answer answer{xmpp::result_reply(call.iq), {}};
  list.add_to(*answer.iq);
  return answer;
}

Outcome<Answer> item_list(storage::Stores& stores, const Call& call) {
  auto found = visit_to_read(stores, call);
  if (auto bad = problem(found)) return bad->as<Answer>();
  auto ids = stores.pubsub().item_ids(call.owner, (*found)->leaf.name);
  if (auto bad = problem(ids)) return bad->as<Answer>();
  xmpp::DiscoItems list{.node = (*found)->leaf.name, .items = {}, .page = {}};
  // XEP-0060 §5.5: the item's id is the name, there is no node.
  size_t bytes = 0;
  for (const auto& id : *ids) {
    bytes += id.size();
    if (bytes > most_list_bytes) break;
    list.items.push_back({.jid = call.owner, .node = {}, .name = id});
  }
  // Whoever wants them all pages through the items themselves (§6.5.4).
  if (list.items.size() < ids->size())
    list.page = xmpp::RsmResult{
        .first = list.items.front().name, .last = list.items.back().name, .first_index = 0, .count = ids->size()};
  Answer answer{xmpp::result_reply(call.iq), {}};
  list.add_to(*answer.iq);
  return answer;
}

}  // namespace

void serve_node_info(IqRequest request, Viewer viewer) {
  spawn(answer_with(std::move(request), std::move(viewer), node_info), "pubsub_info");
}

void serve_items(IqRequest request, Viewer viewer) {
  const bool of_node = !request.payload().attr("node").empty();
  spawn(answer_with(std::move(request), std::move(viewer), of_node ? item_list : node_list), "pubsub_items");
}

}  // namespace rookery::server::pubsub
