#include "server/pubsub/conversions.h"

#include "server/pubsub/avatar.h"
#include "server/pubsub/bookmarks.h"
#include "server/pubsub/items.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/vcard.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::pubsub {

namespace ns = xmpp::ns;

namespace {

constexpr std::string_view vcard_kind = "vcard";
constexpr std::string_view vcard4_item = "current";

/// Everyone reads a vcard-temp: it says what everyone may read in the vCard4 (XEP-0292 §8).
Status vcard_from_node(storage::Stores& stores, const Leaf& leaf) {
  if (leaf.config.access_model != xmpp::pubsub::AccessModel::open) return {};
  const auto last = last_item(stores, leaf.owner, leaf.name);
  if (!last) return std::unexpected<Error>(last.error());
  const auto vcard = *last ? parse_payload(**last) : nullptr;
  if (vcard == nullptr || !vcard->is("vcard", ns::vcard4)) return {};
  const auto stored = stores.values().get(leaf.owner, vcard_kind, "");
  if (!stored) return std::unexpected<Error>(stored.error());
  auto previous = *stored ? xmpp::parse_own(**stored) : std::unexpected(xmpp::StreamError{});
  const auto made = xmpp::vcard_temp_from_4(*vcard, previous ? previous->get() : nullptr);
  return stores.values().put(leaf.owner, vcard_kind, "", made->to_xml());
}

Status publish_vcard4(storage::Stores& stores, const xmpp::Jid& owner, const xmpp::Element& vcard, Effects& effects) {
  auto config = xmpp::pubsub::NodeConfig::pep();
  config.access_model = xmpp::pubsub::AccessModel::open;  // as a vCard is
  const auto leaf = load_or_create(stores, owner, ns::vcard4_node, config);
  if (!leaf) return std::unexpected<Error>(leaf.error());
  const auto payload = xmpp::vcard4_from_temp(vcard);
  const auto last = last_item(stores, owner, ns::vcard4_node);
  if (!last) return std::unexpected<Error>(last.error());
  const storage::PubsubItem item{
      .id = std::string(vcard4_item), .publisher = owner.text(), .payload = payload->to_xml(), .published = now()};
  if (*last && (*last)->payload == item.payload) return {};
  return put_item(stores, *leaf, item, payload.get(), effects);
}

}  // namespace

Status node_changed(storage::Stores& stores, const Leaf& leaf, Effects& effects) {
  if (!leaf.owner.has_local()) return {};
  if (leaf.name == ns::bookmarks || leaf.name == ns::bookmarks_legacy)
    return bookmarks_from_node(stores, leaf, effects);
  if (leaf.name == ns::avatar_metadata || leaf.name == ns::avatar_data)
    return avatar_from_node(stores, leaf.owner, effects);
  if (leaf.name == ns::vcard4_node) return vcard_from_node(stores, leaf);
  return {};
}

Result<std::string> vcard_changed(storage::Stores& stores, const xmpp::Jid& owner, const std::string& vcard,
                                  Effects& effects) {
  auto document = xmpp::parse_own(vcard);
  if (!document) return vcard;
  if (auto done = avatar_from_vcard(stores, owner, **document, effects); !done)
    return std::unexpected<Error>(done.error());
  if (auto done = publish_vcard4(stores, owner, **document, effects); !done)
    return std::unexpected<Error>(done.error());
  return (*document)->to_xml();
}

}  // namespace rookery::server::pubsub
