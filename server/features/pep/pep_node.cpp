#include "server/features/pep/pep_node.h"

#include <algorithm>

#include "server/home/home.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/pubsub/request.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::pep {

using xmpp::Condition;
using xmpp::pubsub::AccessModel;
using xmpp::pubsub::NodeConfig;

size_t PepNode::item_limit() const { return config.persist_items ? std::min<size_t>(config.max_items, most_items) : 0; }

Viewer viewer(const Home& home, const xmpp::Jid& jid) {
  Viewer result{.bare = std::string(jid.bare_text()), .is_owner = jid.same_bare(home.jid())};
  result.sees_presence = result.is_owner || home.may_see_presence(jid);
  if (const auto* item = home.contact(jid.bare())) result.groups = item->groups;
  return result;
}

bool may_see(const Viewer& viewer, const PepNode& node) {
  if (viewer.is_owner) return true;
  for (const auto& affiliation : node.affiliations) {
    if (affiliation.jid == viewer.bare) return affiliation.affiliation != "outcast";
  }
  switch (node.config.access_model) {
    case AccessModel::open: return true;
    case AccessModel::authorize:
    case AccessModel::presence: return viewer.sees_presence;
    case AccessModel::roster:
      return viewer.sees_presence && std::ranges::any_of(viewer.groups, [&](const std::string& group) {
               return std::ranges::find(node.config.roster_groups_allowed, group) != node.config.roster_groups_allowed.end();
             });
    case AccessModel::whitelist: break;
  }
  return false;
}

xmpp::StanzaError refusal(const Viewer& viewer, const PepNode* node) {
  // REQUIREMENTS 16: to a stranger a closed node, no node and no account look alike.
  if (!viewer.sees_presence) return {.condition = Condition::service_unavailable};
  if (node == nullptr) return {.condition = Condition::item_not_found};
  if (node->config.access_model == AccessModel::roster) {
    return xmpp::pubsub::refuse_pubsub(Condition::not_authorized, "not-in-roster-group").error();
  }
  return xmpp::pubsub::refuse_pubsub(Condition::not_allowed, "closed-node").error();
}

std::string encode_config(const NodeConfig& config) {
  auto root = xmpp::Element::make("config", xmpp::ns::pubsub_owner);
  config.to_form(xmpp::DataForm::Type::submit).add_to(*root);
  return root->to_xml();
}

NodeConfig decode_config(std::string_view stored) {
  NodeConfig config = NodeConfig::pep();
  // What cannot be read must not open a node that was closed.
  config.access_model = AccessModel::whitelist;
  const auto root = xmpp::parse_document(stored);
  if (!root) return config;
  const auto form = xmpp::DataForm::parse_child(**root);
  if (!form || !*form) return config;
  if (auto applied = config.apply(**form); !applied) config.access_model = AccessModel::whitelist;
  return config;
}

Result<std::optional<PepNode>> load(storage::PubsubStore& store, const xmpp::Jid& owner, std::string_view name) {
  auto stored = store.node(owner, name);
  if (!stored) {
    if (stored.error().failure == Failure::not_found) return std::optional<PepNode>();
    return std::unexpected<Error>(stored.error());
  }
  auto affiliations = store.affiliations(owner, name);
  if (!affiliations) return std::unexpected<Error>(affiliations.error());
  return std::optional<PepNode>(PepNode{std::string(name), decode_config(stored->config), std::move(*affiliations)});
}

Result<xmpp::Parsed<void>> create(storage::PubsubStore& store, const xmpp::Jid& owner, const PepNode& node) {
  const auto existing = store.nodes(owner);
  if (!existing) return std::unexpected<Error>(existing.error());
  if (existing->size() >= most_nodes) {
    return xmpp::Parsed<void>(xmpp::refuse(Condition::resource_constraint, "too many nodes"));
  }
  const auto created = store.create(owner, {.name = node.name, .config = encode_config(node.config)});
  if (!created) return std::unexpected<Error>(created.error());
  return xmpp::Parsed<void>();
}

}  // namespace rookery::server::pep
