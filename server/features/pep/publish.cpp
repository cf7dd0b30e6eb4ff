// XEP-0060 §6.5 and §7: publish, retract, read items.
#include "crypto/random.h"
#include "server/features/pep/missing_device_list.h"
#include "server/features/pep/notify.h"
#include "server/features/pep/requests.h"
#include "server/home/home.h"
#include "server/node.h"
#include "xmpp/payloads/pubsub/event.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::pep {

using xmpp::Condition;
namespace pubsub = xmpp::pubsub;

namespace {

xmpp::ElementPtr parse_payload(const std::string& xml) {
  if (xml.empty()) return nullptr;
  auto parsed = xmpp::parse_document(xml);
  return parsed ? std::move(*parsed) : nullptr;
}

/// The node as it is, or made now: XEP-0163 §3 creates what is not there, §7.1.5 checks what is.
Outcome<PepNode> node_to_publish_at(storage::PubsubStore& store, const xmpp::Jid& owner, std::string_view name,
                                    const std::optional<xmpp::DataForm>& options) {
  auto existing = load(store, owner, name);
  if (!existing) return std::unexpected<Error>(existing.error());
  if (*existing) {
    if (options) {
      if (auto met = (*existing)->config.check_publish_options(*options); !met) {
        return xmpp::Parsed<PepNode>(std::unexpect, met.error());
      }
    }
    return xmpp::Parsed<PepNode>(std::move(**existing));
  }
  PepNode node{.name = std::string(name), .config = pubsub::NodeConfig::pep(), .affiliations = {}};
  if (options) {
    if (auto applied = node.config.apply_publish_options(*options); !applied) {
      return xmpp::Parsed<PepNode>(std::unexpect, applied.error());
    }
  }
  const auto created = create(store, owner, node);
  if (!created) return std::unexpected<Error>(created.error());
  if (!*created) return xmpp::Parsed<PepNode>(std::unexpect, (*created).error());
  return xmpp::Parsed<PepNode>(std::move(node));
}

Outcome<PepNode> store_item(storage::PubsubStore& store, const xmpp::Jid& owner, std::string_view name,
                            const std::optional<xmpp::DataForm>& options, const std::optional<storage::PubsubItem>& item) {
  auto node = node_to_publish_at(store, owner, name, options);
  if (!node || !*node || !item) return node;
  if (item->payload.size() > (*node)->config.max_payload_size) {
    return xmpp::Parsed<PepNode>(pubsub::refuse_pubsub(Condition::not_acceptable, "payload-too-big"));
  }
  const size_t limit = (*node)->item_limit();
  if (limit == 0) return node;
  if (auto stored = store.publish(owner, name, *item, limit); !stored) return std::unexpected<Error>(stored.error());
  return node;
}

struct Found {
  std::optional<PepNode> node;
  std::vector<storage::PubsubItem> items;  ///< newest first
};

Result<Found> find_items(storage::PubsubStore& store, const xmpp::Jid& owner, const pubsub::GetItems& wanted) {
  auto node = load(store, owner, wanted.node);
  if (!node) return std::unexpected<Error>(node.error());
  Found found{std::move(*node), {}};
  if (!found.node) return found;
  if (wanted.ids.empty()) {
    auto items = store.items(owner, wanted.node, std::min<size_t>(wanted.max_items.value_or(most_items), most_items));
    if (!items) return std::unexpected<Error>(items.error());
    found.items = std::move(*items);
    return found;
  }
  for (const auto& id : wanted.ids) {
    auto item = store.item(owner, wanted.node, id);
    if (item) found.items.push_back(std::move(*item));
    else if (item.error().failure != Failure::not_found) return std::unexpected<Error>(item.error());
  }
  return found;
}

}  // namespace

Task<void> publish(IqRequest request, pubsub::Publish wanted) {
  if (wanted.items.size() > 1) co_return request.fail(Condition::not_allowed, "one item at a time");
  std::optional<storage::PubsubItem> item;
  if (!wanted.items.empty()) {
    auto& given = wanted.items.front();
    if (given.id.empty()) given.id = crypto::random_token();
    const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    item = storage::PubsubItem{.id = given.id, .publisher = request.from().text(), .published = now};
    if (given.payload != nullptr) item->payload = given.payload->to_xml();
  }
  auto work = [owner = request.to(), name = wanted.node, options = wanted.options, item](storage::Stores& stores) {
    return store_item(stores.pubsub(), owner, name, options, item);
  };
  auto job = request.node().stores().run(std::move(work));
  const auto node = co_await job;
  if (failed(request, node)) co_return;
  std::vector<std::string> ids;
  if (item) ids.push_back(item->id);
  auto result = request.make_result();
  pubsub::add_publish_result(*result, wanted.node, ids);
  request.reply(std::move(result));
  Home* home = request.home();
  if (home == nullptr || !item) co_return;
  auto message = make_notification(request.to());
  const auto* payload = (*node)->config.deliver_payloads ? wanted.items.front().payload : nullptr;
  pubsub::add_item(pubsub::add_items_event(*message, wanted.node), item->id, payload);
  notify(*home, **node, *message);
}

Task<void> retract(IqRequest request, pubsub::Retract wanted) {
  auto work = [owner = request.to(), wanted](storage::Stores& stores) -> Outcome<PepNode> {
    auto node = load(stores.pubsub(), owner, wanted.node);
    if (!node) return std::unexpected<Error>(node.error());
    bool any = false;
    for (const auto& id : wanted.ids) {
      if (!*node) break;
      auto gone = stores.pubsub().retract(owner, wanted.node, id);
      if (!gone) return std::unexpected<Error>(gone.error());
      any = any || *gone;
    }
    if (!any) return xmpp::Parsed<PepNode>(xmpp::refuse(Condition::item_not_found, {}));
    return xmpp::Parsed<PepNode>(std::move(**node));
  };
  auto job = request.node().stores().run(std::move(work));
  const auto node = co_await job;
  if (failed(request, node)) co_return;
  request.reply();
  Home* home = request.home();
  if (home == nullptr || (!wanted.notify && !(*node)->config.notify_retract)) co_return;
  auto message = make_notification(request.to());
  auto& items = pubsub::add_items_event(*message, wanted.node);
  for (const auto& id : wanted.ids) pubsub::add_retraction(items, id);
  notify(*home, **node, *message);
}

Task<void> get_items(IqRequest request, pubsub::GetItems wanted) {
  auto work = [owner = request.to(), wanted](storage::Stores& stores) { return find_items(stores.pubsub(), owner, wanted); };
  auto job = request.node().stores().run(std::move(work));
  const auto found = co_await job;
  if (!found) co_return request.fail(found.error());
  const Home* home = request.home();
  if (home == nullptr) co_return request.fail(Condition::service_unavailable);
  const Viewer asking = viewer(*home, request.from());
  if (!found->node && answer_missing_device_list(request, wanted, asking)) co_return;
  if (!found->node) co_return request.fail(refusal(asking, nullptr));
  if (!may_see(asking, *found->node)) co_return request.fail(refusal(asking, &*found->node));
  if (!wanted.ids.empty() && found->items.empty()) co_return request.fail(Condition::item_not_found);
  auto result = request.make_result();
  auto& items = pubsub::add_items_result(*result, wanted.node);
  // In the order of publication, as notifications came.
  for (auto item = found->items.rbegin(); item != found->items.rend(); ++item) {
    const auto payload = parse_payload(item->payload);
    pubsub::add_item(items, item->id, payload.get());
  }
  request.reply(std::move(result));
}

}  // namespace rookery::server::pep
