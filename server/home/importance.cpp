#include "server/home/importance.h"

#include <algorithm>
#include <array>

#include "xmpp/namespaces.h"

namespace rookery::server {

namespace ns = xmpp::ns;

namespace {

constexpr std::string_view muc_status_self = "110";  // XEP-0045 §7.2.2: ends the list of occupants after joining

/// XEP-0163 §3: nodes with one item, whatever its id. The others may hold many, each of which counts.
constexpr std::array nodes_of_one_item = {
    "http://jabber.org/protocol/activity", "http://jabber.org/protocol/geoloc", "http://jabber.org/protocol/mood",
    "http://jabber.org/protocol/nick",     "http://jabber.org/protocol/tune",   "urn:xmpp:avatar:metadata",
};

std::string key(std::string_view kind, std::string_view who, std::string_view what = {}, std::string_view which = {}) {
  std::string out(kind);
  for (const auto part : {who, what, which}) out.append(1, '\n').append(part);
  return out;
}

std::optional<std::string> key_of_presence(const xmpp::Element& presence) {
  const auto type = presence.attr("type");
  if (!type.empty() && type != "unavailable") return std::nullopt;  // subscriptions, errors
  if (const auto* room = presence.child("x", ns::muc_user)) {
    for (const auto& child : room->elements()) {
      if (child.name() == "status" && child.attr("code") == muc_status_self) return std::nullopt;
    }
  }
  return key("presence", presence.attr("from"));
}

std::optional<std::string> key_of_event(const xmpp::Element& message, const xmpp::Element& event) {
  const auto* change = event.first_element();
  if (change == nullptr) return std::nullopt;
  const auto from = message.attr("from"), node = change->attr("node");
  if (change->name() != "items") return std::string();  // the node was emptied or deleted: each of that counts
  if (std::ranges::find(nodes_of_one_item, node) != nodes_of_one_item.end()) return key("event", from, node);
  const auto* item = change->first_element();
  if (item == nullptr || item->next_element() != nullptr) return std::string();
  return key("event", from, node, item->attr("id"));
}

/// What says nothing by itself.
bool is_trimming(const xmpp::Element& child) {
  return child.ns() == ns::hints || child.ns() == ns::sid || child.ns() == ns::occupant_id || child.ns() == ns::delay ||
         child.name() == "thread" || (child.is("x", ns::muc_user) && child.first_element() == nullptr);
}

/// The message inside a copy of it (XEP-0280), with the copy's direction; else the message itself.
struct Inner {
  const xmpp::Element* message;
  std::string_view direction;
};
Inner inside(const xmpp::Element& message) {
  for (const std::string_view direction : {"received", "sent"}) {
    const auto* carbon = message.child(direction, ns::carbons);
    const auto* forwarded = carbon != nullptr ? carbon->child("forwarded", ns::forward) : nullptr;
    const auto* inner = forwarded != nullptr ? forwarded->child("message", ns::client) : nullptr;
    if (inner != nullptr) return {inner, direction};
  }
  return {&message, {}};
}

std::optional<std::string> key_of_message(const xmpp::Element& outer) {
  if (outer.attr("type") == "error") return std::nullopt;
  if (const auto* event = outer.child("event", ns::pubsub_event)) return key_of_event(outer, *event);
  const auto [message, direction] = inside(outer);
  bool has_state = false, has_marker = false;
  for (const auto& child : message->elements()) {
    if (is_trimming(child)) continue;
    if (child.ns() == ns::chat_states)
      has_state = true;
    else if (child.ns() == ns::markers || child.ns() == ns::receipts)
      has_marker = true;
    else
      return std::nullopt;
  }
  if (has_marker) return std::string();
  if (!has_state) return std::nullopt;
  return key("state", message->attr("from"), message->attr("to"), direction);
}

bool is_encrypted_text(const xmpp::Element& child) {
  if (child.is("openpgp", ns::openpgp)) return true;
  if (child.name() != "encrypted") return false;
  // XEP-0384: without a payload it only brings keys.
  const bool is_omemo = child.ns() == ns::omemo || child.ns() == ns::omemo_legacy;
  return !is_omemo || child.child("payload", child.ns()) != nullptr;
}

}  // namespace

const xmpp::Element& original_of(const xmpp::Element& message) { return *inside(message).message; }

bool is_notable(const xmpp::Element& message) {
  const auto type = message.attr("type");
  if (message.name() != "message" || type == "error" || type == "headline") return false;
  for (const auto& child : message.elements()) {
    if (child.is("body", message.ns()) && child.first_node() != nullptr) return true;
    if (is_encrypted_text(child)) return true;
    if (child.is("propose", ns::jingle_message) || child.is("invite", ns::call_invites)) return true;
    if (child.is("x", ns::conference)) return true;
    if (child.is("x", ns::muc_user) && child.child("invite", ns::muc_user) != nullptr) return true;
  }
  return false;
}

std::optional<std::string> holding_key(const xmpp::Element& stanza) {
  if (stanza.name() == "presence") return key_of_presence(stanza);
  if (stanza.name() == "message") return key_of_message(stanza);
  return std::nullopt;
}

}  // namespace rookery::server
