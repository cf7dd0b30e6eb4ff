// XEP-0060 §6.5: items are read; and the store's side of §7.1 and §7.2.
#include "server/pubsub/items.h"

#include <algorithm>

#include "server/pubsub/bookmarks.h"
#include "server/pubsub/call.h"
#include "server/pubsub/missing_device_list.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/pubsub/event.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::pubsub {

using xmpp::Condition;

namespace {

constexpr size_t most_answer_bytes = 1024 * 1024;  ///< of items; one may be larger

/// XEP-0060 §7.1.2.3 and §12.15: who a reply to the item is for.
void add_reply_addresses(xmpp::Element& message, const Leaf& leaf, const xmpp::Jid& publisher) {
  const auto add = [&](const std::string& jid) {
    auto* addresses = message.child("addresses", xmpp::ns::addresses);
    if (addresses == nullptr) addresses = &message.add("addresses", xmpp::ns::addresses);
    addresses->add("address").set_attr("type", "replyto").set_attr("jid", jid);
  };
  if (leaf.config.item_reply == wire::ItemReply::publisher) return add(std::string(publisher.bare_text()));
  if (leaf.config.item_reply != wire::ItemReply::owner) return;
  if (leaf.owner.has_local()) return add(leaf.owner.text());
  for (const auto& one : leaf.affiliations) {
    if (one.affiliation == "owner") add(one.jid);
  }
}

/// What a request for items wants of a node's ids, newest first.
struct Choice {
  std::vector<std::string> ids;  ///< oldest first
  std::optional<xmpp::RsmResult> page;
};

xmpp::Parsed<Choice> choose(const wire::GetItems& wanted, std::vector<std::string> ids) {
  if (wanted.max_items && ids.size() > *wanted.max_items) ids.resize(*wanted.max_items);
  // In the order of publication, as notifications came.
  std::ranges::reverse(ids);
  if (wanted.page.empty()) return Choice{std::move(ids), {}};
  size_t begin = 0, end = ids.size();
  const auto place = [&](const std::string& id) {
    return static_cast<size_t>(std::ranges::find(ids, id) - ids.begin());
  };
  if (wanted.page.after) {
    begin = place(*wanted.page.after) + 1;
    if (begin > ids.size()) return xmpp::refuse(Condition::item_not_found, {});  // XEP-0059 §2.2
  }
  if (wanted.page.before && !wanted.page.before->empty()) {
    end = place(*wanted.page.before);
    if (end == ids.size()) return xmpp::refuse(Condition::item_not_found, {});
  }
  if (wanted.page.index) begin = std::min<size_t>(*wanted.page.index, ids.size());
  const size_t max = wanted.page.max.value_or(most_items);
  if (end > begin && end - begin > max) {
    if (wanted.page.before)
      begin = end - max;
    else
      end = begin + max;
  }
  Choice choice;
  xmpp::RsmResult page{.first = {}, .last = {}, .first_index = {}, .count = ids.size()};
  if (begin < end) {
    choice.ids.assign(ids.begin() + static_cast<ptrdiff_t>(begin), ids.begin() + static_cast<ptrdiff_t>(end));
    page.first = choice.ids.front();
    page.last = choice.ids.back();
    page.first_index = static_cast<uint32_t>(begin);
  }
  choice.page = std::move(page);
  return choice;
}

/// Else the newest items are those that matter.
bool is_read_forwards(const wire::GetItems& wanted) { return !wanted.page.empty() && !wanted.page.before; }

/// The items chosen, oldest first, until they are too many bytes for one answer; then the choice shrinks and names its
/// page (§6.5.4: a service may truncate, and says so).
Result<std::vector<storage::PubsubItem>> read_items(storage::Stores& stores, const Leaf& leaf, Choice& choice,
                                                    bool forwards) {
  std::vector<storage::PubsubItem> read;
  size_t bytes = 0, begin = 0, end = choice.ids.size();
  while (begin < end) {
    const auto& id = choice.ids[forwards ? begin : end - 1];
    auto item = stores.pubsub().item(leaf.owner, leaf.name, id);
    if (!item && item.error().failure != Failure::not_found) return std::unexpected<Error>(item.error());
    if (item) {
      bytes += item->id.size() + item->publisher.size() + item->payload.size();
      if (bytes > most_answer_bytes && !read.empty()) break;
      read.push_back(std::move(*item));
    }
    if (forwards)
      ++begin;
    else
      --end;
  }
  if (!forwards) std::ranges::reverse(read);
  if (begin == end || read.empty()) return read;
  if (!choice.page)
    choice.page = xmpp::RsmResult{.first = {}, .last = {}, .first_index = 0, .count = choice.ids.size()};
  if (!forwards) *choice.page->first_index += static_cast<uint32_t>(end);
  choice.page->first = read.front().id;
  choice.page->last = read.back().id;
  return read;
}

}  // namespace

xmpp::ElementPtr parse_payload(const storage::PubsubItem& item) {
  if (item.payload.empty()) return nullptr;
  auto parsed = xmpp::parse_own(item.payload);
  return parsed ? std::move(*parsed) : nullptr;
}

Status put_item(storage::Stores& stores, const Leaf& leaf, const storage::PubsubItem& item,
                const xmpp::Element* payload, Effects& effects) {
  if (const size_t limit = leaf.item_limit(); limit > 0) {
    if (auto stored = stores.pubsub().publish(leaf.owner, leaf.name, item, limit); !stored) return stored;
  }
  auto message = make_message(leaf);
  const auto publisher = xmpp::Jid::parse(item.publisher);
  const bool names_publisher = publisher && leaf.config.item_reply == wire::ItemReply::publisher;
  wire::add_item(wire::add_items_event(*message, leaf.name), item.id, leaf.config.deliver_payloads ? payload : nullptr,
                 names_publisher ? publisher->bare_text() : std::string_view());
  if (publisher) add_reply_addresses(*message, leaf, *publisher);
  return add_notice(stores, leaf, std::move(message), effects);
}

Status take_items(storage::Stores& stores, const Leaf& leaf, const std::vector<std::string>& ids, bool notify,
                  Effects& effects) {
  for (const auto& id : ids) {
    if (auto gone = stores.pubsub().retract(leaf.owner, leaf.name, id); !gone)
      return std::unexpected<Error>(gone.error());
  }
  if (!notify || ids.empty()) return {};
  auto message = make_message(leaf);
  auto& items = wire::add_items_event(*message, leaf.name);
  for (const auto& id : ids) wire::add_retraction(items, id);
  return add_notice(stores, leaf, std::move(message), effects);
}

wire::NodeConfig private_config() {
  auto config = wire::NodeConfig::pep();
  config.access_model = wire::AccessModel::whitelist;
  config.send_last_published_item = wire::SendLastItem::never;
  config.max_items = wire::NodeConfig::unlimited;
  return config;
}

Result<Leaf> load_or_create(storage::Stores& stores, const xmpp::Jid& owner, std::string_view name,
                            const wire::NodeConfig& config) {
  auto existing = load(stores.pubsub(), owner, name);
  if (!existing) return std::unexpected<Error>(existing.error());
  if (*existing) return std::move(**existing);
  Leaf leaf{.owner = owner, .name = std::string(name), .config = config, .affiliations = {}};
  const auto created = create(stores.pubsub(), leaf);
  if (!created) return std::unexpected<Error>(created.error());
  if (!*created) return fail(Failure::full, "too many nodes");
  return leaf;
}

Result<std::optional<storage::PubsubItem>> last_item(storage::Stores& stores, const xmpp::Jid& owner,
                                                     std::string_view name) {
  auto items = stores.pubsub().items(owner, name, 1);
  if (!items) return std::unexpected<Error>(items.error());
  if (items->empty()) return std::optional<storage::PubsubItem>();
  return std::optional(std::move(items->front()));
}

Outcome<Answer> handle(storage::Stores& stores, const Call& call, const wire::GetItems& wanted) {
  auto found = visit(stores, call, wanted.node);
  Effects effects;
  if (found && !*found && call.viewer.is_owner) {
    const auto made = bookmarks_made(stores, call.owner, wanted.node, effects);
    if (auto bad = problem(made)) return bad->as<Answer>();
    if (*made) found = visit(stores, call, wanted.node);
  }
  if (found && !*found) {
    if (auto iq = missing_device_list(call, wanted)) return Answer{std::move(iq), {}};
  }
  if (auto bad = problem(found)) return bad->as<Answer>();
  const Visit& visit = **found;
  if (!may_read(visit.viewer, visit.leaf, visit.is_subscribed))
    return refused<Answer>(refusal(visit.viewer, visit.leaf));
  if (!visit.leaf.config.persist_items) return refused<Answer>(unsupported("persistent-items"));  // §6.5.9.4
  if (wanted.ids.size() > most_items)
    return refused<Answer>({.condition = Condition::bad_request, .text = "too many items"});
  auto choice = xmpp::Parsed<Choice>(Choice{wanted.ids, {}});
  if (wanted.ids.empty()) {
    auto ids = stores.pubsub().item_ids(call.owner, wanted.node);
    if (auto bad = problem(ids)) return bad->as<Answer>();
    choice = choose(wanted, std::move(*ids));
    if (auto bad = problem(choice)) return bad->as<Answer>();
  }
  auto read = read_items(stores, visit.leaf, *choice, is_read_forwards(wanted));
  if (auto bad = problem(read)) return bad->as<Answer>();
  // §6.5.9.12: none of the items asked for exists.
  if (!wanted.ids.empty() && read->empty()) return refused<Answer>({.condition = Condition::item_not_found});
  auto iq = xmpp::result_reply(call.iq);
  auto& items = wire::add_items_result(*iq, wanted.node);
  for (const auto& item : *read) {
    const auto publisher = xmpp::Jid::parse(item.publisher);
    const bool names_publisher = publisher && visit.leaf.config.item_reply == wire::ItemReply::publisher;
    wire::add_item(items, item.id, parse_payload(item).get(),
                   names_publisher ? publisher->bare_text() : std::string_view());
  }
  if (choice->page) wire::add_items_page(*iq, *choice->page);
  return Answer{std::move(iq), std::move(effects)};
}

}  // namespace rookery::server::pubsub
