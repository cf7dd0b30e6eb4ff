#include "server/pubsub/missing_device_list.h"

#include <algorithm>

#include "xmpp/namespaces.h"
#include "xmpp/payloads/pubsub/event.h"

namespace rookery::server::pubsub {

namespace {

// XEP-0384 v0.3 §4.2: a device list node has one item; clients call it "current" (XEP-0060 §12.20, singleton nodes).
constexpr std::string_view device_list_node = "eu.siacs.conversations.axolotl.devicelist";
constexpr std::string_view singleton_id = "current";

}  // namespace

xmpp::ElementPtr missing_device_list(const Call& call, const xmpp::pubsub::GetItems& wanted) {
  if (!call.viewer.is_owner || wanted.node != device_list_node) return nullptr;
  if (!wanted.ids.empty() && std::ranges::find(wanted.ids, singleton_id) == wanted.ids.end()) return nullptr;
  // Profanity 0.13 takes item-not-found for its own list, and an empty <items/>, as the end of OMEMO: it never
  // publishes its keys. "No devices" in a list is the same statement, and every client can read it. Nothing is stored;
  // what the client publishes next makes the node, with the access model that it wants. Contacts go on hearing
  // item-not-found.
  auto list = xmpp::Element::make("list", xmpp::ns::omemo_legacy);
  auto result = xmpp::result_reply(call.iq);
  xmpp::pubsub::add_item(xmpp::pubsub::add_items_result(*result, wanted.node), singleton_id, list.get());
  return result;
}

}  // namespace rookery::server::pubsub
