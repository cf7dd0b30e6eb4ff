// XEP-0060 §8: what the owner does with a node.
#include "crypto/random.h"
#include "server/features/pep/notify.h"
#include "server/features/pep/requests.h"
#include "server/home/home.h"
#include "server/node.h"
#include "xmpp/payloads/pubsub/event.h"

namespace rookery::server::pep {

using xmpp::Condition;
namespace pubsub = xmpp::pubsub;

namespace {

/// Loads the node on the worker and lets `change` work on it there; item-not-found when there is none.
template <typename Change>
auto on_node(const IqRequest& request, const std::string& name, Change change) {
  auto work = [owner = request.to(), name, change = std::move(change)](storage::Stores& stores) -> Outcome<PepNode> {
    auto node = load(stores.pubsub(), owner, name);
    if (!node) return std::unexpected<Error>(node.error());
    if (!*node) return xmpp::Parsed<PepNode>(xmpp::refuse(Condition::item_not_found, {}));
    if (auto done = change(stores.pubsub(), owner, **node); !done) return std::unexpected<Error>(done.error());
    else if (!*done) return xmpp::Parsed<PepNode>(std::unexpect, (*done).error());
    return xmpp::Parsed<PepNode>(std::move(**node));
  };
  return request.node().stores().run(std::move(work));
}

Outcome<void> nothing(storage::PubsubStore&, const xmpp::Jid&, PepNode&) { return xmpp::Parsed<void>(); }

Outcome<void> done(const Status& status) {
  if (!status) return std::unexpected<Error>(status.error());
  return xmpp::Parsed<void>();
}

}  // namespace

Task<void> create_node(IqRequest request, pubsub::Create wanted) {
  // §8.1.2: an instant node.
  const bool instant = wanted.node.empty();
  PepNode node{.name = instant ? crypto::random_token() : wanted.node, .config = pubsub::NodeConfig::pep(), .affiliations = {}};
  if (wanted.config) {
    if (auto applied = node.config.apply(*wanted.config); !applied) co_return request.fail(applied.error());
  }
  auto work = [owner = request.to(), node](storage::Stores& stores) { return create(stores.pubsub(), owner, node); };
  auto job = request.node().stores().run(std::move(work));
  const auto created = co_await job;
  if (failed(request, created)) co_return;
  if (!instant) co_return request.reply();
  auto result = request.make_result();
  pubsub::add_create_result(*result, node.name);
  request.reply(std::move(result));
}

Task<void> get_config(IqRequest request, pubsub::GetConfig wanted) {
  auto job = on_node(request, wanted.node, nothing);
  const auto node = co_await job;
  if (failed(request, node)) co_return;
  auto result = request.make_result();
  pubsub::add_config_result(*result, wanted.node, (*node)->config.to_form(xmpp::DataForm::Type::form));
  request.reply(std::move(result));
}

Task<void> set_config(IqRequest request, pubsub::SetConfig wanted) {
  const auto change = [form = wanted.form](storage::PubsubStore& store, const xmpp::Jid& owner, PepNode& node) -> Outcome<void> {
    const auto before = node.config;
    if (auto applied = node.config.apply(form); !applied) return applied;
    if (node.config == before) return xmpp::Parsed<void>();
    return done(store.configure(owner, {.name = node.name, .config = encode_config(node.config)}));
  };
  auto job = on_node(request, wanted.node, change);
  const auto node = co_await job;
  if (failed(request, node)) co_return;
  request.reply();
  Home* home = request.home();
  if (home == nullptr || !(*node)->config.notify_config || wanted.form.type == xmpp::DataForm::Type::cancel) co_return;
  auto message = make_notification(request.to());
  const auto form = (*node)->config.to_form(xmpp::DataForm::Type::result);
  pubsub::add_configuration_event(*message, wanted.node, (*node)->config.deliver_payloads ? &form : nullptr);
  notify(*home, **node, *message);
}

Task<void> delete_node(IqRequest request, pubsub::Delete wanted) {
  const auto change = [](storage::PubsubStore& store, const xmpp::Jid& owner, PepNode& node) {
    return done(store.remove(owner, node.name));
  };
  auto job = on_node(request, wanted.node, change);
  const auto node = co_await job;
  if (failed(request, node)) co_return;
  request.reply();
  Home* home = request.home();
  if (home == nullptr || !(*node)->config.notify_delete) co_return;
  auto message = make_notification(request.to());
  pubsub::add_delete_event(*message, wanted.node, wanted.redirect_uri);
  notify(*home, **node, *message);
}

Task<void> purge(IqRequest request, pubsub::Purge wanted) {
  const auto change = [](storage::PubsubStore& store, const xmpp::Jid& owner, PepNode& node) {
    return done(store.purge(owner, node.name));
  };
  auto job = on_node(request, wanted.node, change);
  const auto node = co_await job;
  if (failed(request, node)) co_return;
  request.reply();
  Home* home = request.home();
  if (home == nullptr || !(*node)->config.notify_retract) co_return;
  auto message = make_notification(request.to());
  pubsub::add_purge_event(*message, wanted.node);
  notify(*home, **node, *message);
}

Task<void> get_affiliations(IqRequest request, pubsub::GetNodeAffiliations wanted) {
  auto job = on_node(request, wanted.node, nothing);
  const auto node = co_await job;
  if (failed(request, node)) co_return;
  std::vector<pubsub::Affiliation> list;
  list.push_back({.node = {}, .jid = request.to(), .affiliation = "owner"});
  for (const auto& [text, affiliation] : (*node)->affiliations) {
    if (auto jid = xmpp::Jid::parse(text)) list.push_back({.node = {}, .jid = std::move(*jid), .affiliation = affiliation});
  }
  auto result = request.make_result();
  pubsub::add_node_affiliations_result(*result, wanted.node, list);
  request.reply(std::move(result));
}

Task<void> set_affiliations(IqRequest request, pubsub::SetNodeAffiliations wanted) {
  for (const auto& one : wanted.changes) {
    const bool supported = one.affiliation == "member" || one.affiliation == "outcast" || one.affiliation == "none";
    // XEP-0163 §3: the account's owner is the node's one owner and publisher.
    if (!supported || one.jid.same_bare(request.to())) co_return request.fail(Condition::not_acceptable);
  }
  const auto change = [changes = wanted.changes](storage::PubsubStore& store, const xmpp::Jid& owner, PepNode& node) -> Outcome<void> {
    for (const auto& one : changes) {
      const storage::PubsubAffiliation value{std::string(one.jid.bare_text()), one.affiliation};
      if (auto set = store.set_affiliation(owner, node.name, value); !set) return std::unexpected<Error>(set.error());
    }
    return xmpp::Parsed<void>();
  };
  auto job = on_node(request, wanted.node, change);
  const auto node = co_await job;
  if (failed(request, node)) co_return;
  request.reply();
}

}  // namespace rookery::server::pep
