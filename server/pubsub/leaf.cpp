#include "server/pubsub/leaf.h"

#include <algorithm>

#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::pubsub {

using xmpp::Condition;
using xmpp::pubsub::NodeConfig;
using xmpp::pubsub::SubscribeOptions;

namespace {

std::string encode(std::string_view ns, const xmpp::DataForm& form) {
  auto root = xmpp::Element::make("config", ns);
  form.add_to(*root);
  return root->to_xml();
}

std::optional<xmpp::DataForm> decode(std::string_view stored) {
  const auto root = xmpp::parse_own(stored);
  if (!root) return std::nullopt;
  auto form = xmpp::DataForm::parse_child(**root);
  return form ? std::move(*form) : std::nullopt;
}

}  // namespace

xmpp::TimePoint now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

size_t Leaf::item_limit() const { return config.persist_items ? std::min<size_t>(config.max_items, most_items) : 0; }

NodeConfig default_config(const xmpp::Jid& owner) {
  return owner.has_local() ? NodeConfig::pep() : NodeConfig::service();
}

std::string encode_config(const NodeConfig& config) {
  return encode(xmpp::ns::pubsub_owner, config.to_form(xmpp::DataForm::Type::submit));
}

NodeConfig decode_config(const xmpp::Jid& owner, std::string_view stored) {
  NodeConfig config = default_config(owner);
  // What cannot be read must not open a node that was closed.
  config.access_model = xmpp::pubsub::AccessModel::whitelist;
  const auto form = decode(stored);
  if (!form) return config;
  if (auto applied = config.apply(*form); !applied) config.access_model = xmpp::pubsub::AccessModel::whitelist;
  return config;
}

std::string encode_options(const SubscribeOptions& options) {
  if (options == SubscribeOptions{}) return {};
  return encode(xmpp::ns::pubsub, options.to_form(xmpp::DataForm::Type::submit));
}

SubscribeOptions decode_options(std::string_view stored) {
  SubscribeOptions options;
  if (stored.empty()) return options;
  if (const auto form = decode(stored)) (void)options.apply(*form);
  return options;
}

Result<std::optional<Leaf>> load(storage::PubsubStore& store, const xmpp::Jid& owner, std::string_view name) {
  auto stored = store.node(owner, name);
  if (!stored) {
    if (stored.error().failure == Failure::not_found) return std::optional<Leaf>();
    return std::unexpected<Error>(stored.error());
  }
  auto affiliations = store.affiliations(owner, name);
  if (!affiliations) return std::unexpected<Error>(affiliations.error());
  Leaf leaf{.owner = owner,
            .name = std::string(name),
            .config = decode_config(owner, stored->config),
            .affiliations = std::move(*affiliations),
            .creator = std::move(stored->creator)};
  if (leaf.config.item_expire != NodeConfig::unlimited) {
    const auto expired = store.expire(owner, name, now() - std::chrono::seconds(leaf.config.item_expire));
    if (!expired) return std::unexpected<Error>(expired.error());
  }
  return std::optional<Leaf>(std::move(leaf));
}

Outcome<void> create(storage::PubsubStore& store, const Leaf& leaf) {
  if (leaf.name.size() > most_name_bytes)
    return refused<void>({.condition = Condition::not_acceptable, .text = "the node's name is too long"});
  if (auto fits = leaf.config.check_sizes(); !fits) return refused<void>(fits.error());
  const auto usage = store.usage(leaf.owner, leaf.creator);
  if (!usage) return std::unexpected<Error>(usage.error());
  if (usage->nodes >= most_nodes)
    return refused<void>({.condition = Condition::resource_constraint, .text = "too many nodes"});
  const auto created =
      store.create(leaf.owner, {.name = leaf.name, .config = encode_config(leaf.config), .creator = leaf.creator});
  if (!created) return std::unexpected<Error>(created.error());
  for (const auto& affiliation : leaf.affiliations) {
    if (auto set = store.set_affiliation(leaf.owner, leaf.name, affiliation); !set)
      return std::unexpected<Error>(set.error());
  }
  return xmpp::Parsed<void>();
}

Status save(storage::PubsubStore& store, const Leaf& leaf) {
  return store.configure(leaf.owner,
                         {.name = leaf.name, .config = encode_config(leaf.config), .creator = leaf.creator});
}

Result<std::vector<storage::PubsubSubscription>> live_subscriptions(storage::PubsubStore& store, const Leaf& leaf) {
  auto all = store.subscriptions(leaf.owner, leaf.name);
  if (!all) return all;
  const auto time = now();
  std::erase_if(*all, [&](const auto& one) {
    if (one.state != "subscribed") return true;
    if (one.options.empty()) return false;
    const auto options = decode_options(one.options);
    return !options.deliver || !options.is_live(time);
  });
  return all;
}

}  // namespace rookery::server::pubsub
