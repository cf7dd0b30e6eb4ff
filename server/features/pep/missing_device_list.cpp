#include "server/features/pep/missing_device_list.h"

#include <algorithm>

#include "xmpp/namespaces.h"
#include "xmpp/payloads/pubsub/event.h"

namespace rookery::server::pep {

namespace {

// XEP-0384 v0.3 §4.2: a device list node has one item; clients call it "current" (XEP-0060 §12.20, singleton nodes).
constexpr std::string_view device_list_node = "eu.siacs.conversations.axolotl.devicelist";
constexpr std::string_view singleton_id = "current";

}  // namespace

bool answer_missing_device_list(IqRequest& request, const xmpp::pubsub::GetItems& wanted, const Viewer& asking) {
  if (!asking.is_owner || wanted.node != device_list_node) return false;
  if (!wanted.ids.empty() && std::ranges::find(wanted.ids, singleton_id) == wanted.ids.end()) return false;
  // Profanity 0.13 takes item-not-found for its own list, and an empty <items/>, as the end of OMEMO: it never publishes
  // its keys. "No devices" in a list is the same statement, and every client can read it. Nothing is stored; what the
  // client publishes next makes the node, with the access model that it wants. Contacts go on hearing item-not-found.
  auto list = xmpp::Element::make("list", xmpp::ns::omemo_legacy);
  auto result = request.make_result();
  xmpp::pubsub::add_item(xmpp::pubsub::add_items_result(*result, wanted.node), singleton_id, list.get());
  request.reply(std::move(result));
  return true;
}

}  // namespace rookery::server::pep
