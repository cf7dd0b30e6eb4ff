#include "server/pubsub/bookmarks.h"

#include "server/pubsub/items.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/bookmarks.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::pubsub {

namespace ns = xmpp::ns;
using xmpp::Bookmark;

namespace {

constexpr std::string_view private_kind = "private";
constexpr std::string_view private_key = "storage storage:bookmarks";
constexpr std::string_view legacy_item = "current";
constexpr size_t most_bytes = 512 * 1024;  ///< of native bookmarks that are converted: they are read at each change

storage::PubsubItem make_item(const xmpp::Jid& owner, std::string id, const xmpp::Element& payload) {
  return {.id = std::move(id), .publisher = owner.text(), .payload = payload.to_xml(), .published = now()};
}

/// XEP-0411 §5: what others may read gets nothing from private storage.
bool is_private(const Leaf& leaf) { return leaf.config.access_model == xmpp::pubsub::AccessModel::whitelist; }

Result<xmpp::ElementPtr> private_storage(storage::Stores& stores, const xmpp::Jid& owner) {
  const auto stored = stores.values().get(owner, private_kind, private_key);
  if (!stored) return std::unexpected<Error>(stored.error());
  if (!*stored) return xmpp::ElementPtr();
  auto parsed = xmpp::parse_own(**stored);
  return parsed ? std::move(*parsed) : xmpp::ElementPtr();
}

/// The newest, as far as they are not too many bytes. Those beyond are left as they are, and do not appear in the old
/// forms.
Result<std::map<std::string, Bookmark>> native_bookmarks(storage::Stores& stores, const xmpp::Jid& owner) {
  const auto ids = stores.pubsub().item_ids(owner, ns::bookmarks);
  if (!ids) return std::unexpected<Error>(ids.error());
  std::map<std::string, Bookmark> found;
  size_t bytes = 0;
  for (const auto& id : *ids) {
    const auto item = stores.pubsub().item(owner, ns::bookmarks, id);
    if (!item) return std::unexpected<Error>(item.error());
    bytes += id.size() + item->payload.size();
    if (bytes > most_bytes) break;
    const auto payload = parse_payload(*item);
    if (payload != nullptr && payload->is("conference", ns::bookmarks))
      found.emplace(item->id, Bookmark::parse(*payload));
  }
  return found;
}

Status write_private(storage::Stores& stores, const xmpp::Jid& owner, const xmpp::Element& storage) {
  return stores.values().put(owner, private_kind, private_key, storage.to_xml());
}

Status write_legacy_node(storage::Stores& stores, const xmpp::Jid& owner, const xmpp::Element& storage,
                         Effects& effects) {
  auto config = private_config();
  config.max_items = 1;
  const auto leaf = load_or_create(stores, owner, ns::bookmarks_legacy, config);
  if (!leaf) return std::unexpected<Error>(leaf.error());
  if (!is_private(*leaf)) return {};
  const auto last = last_item(stores, owner, ns::bookmarks_legacy);
  if (!last) return std::unexpected<Error>(last.error());
  if (*last && (*last)->payload == storage.to_xml()) return {};
  return put_item(stores, *leaf, make_item(owner, std::string(legacy_item), storage), &storage, effects);
}

/// XEP-0402 §6.2.2: only what is different is published or retracted; what the old form cannot say stays.
Status write_native_node(storage::Stores& stores, const xmpp::Jid& owner, const xmpp::Element& storage,
                         Effects& effects) {
  const auto leaf = load_or_create(stores, owner, ns::bookmarks, private_config());
  if (!leaf) return std::unexpected<Error>(leaf.error());
  if (!is_private(*leaf)) return {};
  const auto before = native_bookmarks(stores, owner);
  if (!before) return std::unexpected<Error>(before.error());
  const auto wanted = xmpp::parse_legacy_bookmarks(storage);
  std::vector<std::string> gone;
  for (const auto& [room, bookmark] : *before) {
    if (!wanted.contains(room)) gone.push_back(room);
  }
  if (auto taken = take_items(stores, *leaf, gone, true, effects); !taken) return taken;
  for (auto [room, bookmark] : wanted) {
    const auto old = before->find(room);
    if (old != before->end()) {
      if (bookmark.same_in_legacy(old->second)) continue;
      bookmark.extensions = old->second.extensions;
    }
    const auto payload = bookmark.to_conference();
    if (auto put = put_item(stores, *leaf, make_item(owner, room, *payload), payload.get(), effects); !put) return put;
  }
  return {};
}

/// The native bookmarks in the old form, with what else was in private storage (addresses of web pages).
Result<xmpp::ElementPtr> collate(storage::Stores& stores, const xmpp::Jid& owner) {
  const auto bookmarks = native_bookmarks(stores, owner);
  if (!bookmarks) return std::unexpected<Error>(bookmarks.error());
  const auto before = private_storage(stores, owner);
  if (!before) return std::unexpected<Error>(before.error());
  auto storage = xmpp::Element::make("storage", ns::bookmarks_legacy);
  for (const auto& [room, bookmark] : *bookmarks) bookmark.add_legacy_to(*storage, room);
  if (*before == nullptr) return storage;
  for (const auto& child : (*before)->elements()) {
    if (child.name() != "conference") storage->add_copy(child);
  }
  return storage;
}

}  // namespace

Status bookmarks_from_node(storage::Stores& stores, const Leaf& leaf, Effects& effects) {
  if (leaf.name == ns::bookmarks_legacy) {
    const auto last = last_item(stores, leaf.owner, leaf.name);
    if (!last) return std::unexpected<Error>(last.error());
    const auto storage = *last ? parse_payload(**last) : nullptr;
    if (storage == nullptr || !storage->is("storage", ns::bookmarks_legacy)) return {};
    if (auto written = write_private(stores, leaf.owner, *storage); !written) return written;
    return write_native_node(stores, leaf.owner, *storage, effects);
  }
  const auto storage = collate(stores, leaf.owner);
  if (!storage) return std::unexpected<Error>(storage.error());
  if (auto written = write_private(stores, leaf.owner, **storage); !written) return written;
  return write_legacy_node(stores, leaf.owner, **storage, effects);
}

Status bookmarks_from_private(storage::Stores& stores, const xmpp::Jid& owner, const xmpp::Element& storage,
                              Effects& effects) {
  if (auto written = write_native_node(stores, owner, storage, effects); !written) return written;
  return write_legacy_node(stores, owner, storage, effects);
}

Result<bool> bookmarks_made(storage::Stores& stores, const xmpp::Jid& owner, std::string_view node, Effects& effects) {
  if (node != ns::bookmarks && node != ns::bookmarks_legacy) return false;
  const auto storage = private_storage(stores, owner);
  if (!storage) return std::unexpected<Error>(storage.error());
  if (*storage == nullptr) return false;
  if (auto made = bookmarks_from_private(stores, owner, **storage, effects); !made)
    return std::unexpected<Error>(made.error());
  return true;
}

}  // namespace rookery::server::pubsub
