#include "server/routing/inbound.h"

#include <algorithm>
#include <array>

#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

using xmpp::Condition;
using xmpp::StreamCondition;

std::unexpected<InboundRefusal> end(StreamCondition condition, std::string text) {
  return std::unexpected(InboundRefusal{
      .ends_stream = true, .stream = {.condition = condition, .text = std::move(text), .application = {}}});
}

std::unexpected<InboundRefusal> refuse(const xmpp::Element& stanza, Condition condition) {
  const auto type = stanza.attr("type");
  InboundRefusal refusal;
  if (type != "error" && type != "result") refusal.answer = xmpp::error_reply(stanza, {.condition = condition});
  return std::unexpected(std::move(refusal));
}

/// What only a server says to its own user: no peer gets one of these past a weak client. Archives elsewhere are those
/// of rooms and nodes, which have bare addresses; nobody's client has one.
bool speaks_as_server(const xmpp::Element& message, const xmpp::Jid& from, bool has_archives) {
  for (const auto& child : message.elements()) {
    if (child.ns() == xmpp::ns::carbons && (child.name() == "sent" || child.name() == "received")) return true;
    if (child.is("result", xmpp::ns::mam) && !(has_archives && from.is_bare())) return true;
  }
  return false;
}

/// XEP-0359 §6: an id that claims to be ours is forged; its own it may give.
void remove_forged_ids(xmpp::Element& message, Node& node, const xmpp::Jid& from) {
  std::vector<const xmpp::Element*> forged;
  for (const auto& child : message.elements()) {
    if (!child.is("stanza-id", xmpp::ns::sid)) continue;
    const auto by = xmpp::Jid::parse(child.attr("by"));
    if (!by || (by->domain() != from.domain() && node.router().is_ours(by->domain()))) forged.push_back(&child);
  }
  for (const auto* child : forged) message.remove(*child);
}

bool is_one_of(std::string_view type, std::initializer_list<std::string_view> types) {
  return std::ranges::find(types, type) != types.end();
}

}  // namespace

std::expected<Envelope, InboundRefusal> check_inbound(Node& node, const MaySpeak& may_speak, bool has_archives,
                                                      xmpp::ElementPtr stanza) {
  // XEP-0114 §3: both addresses MUST be there; RFC 6120 §4.9.3.7, §4.9.3.9
  if (!stanza->has_attr("from") || !stanza->has_attr("to"))
    return end(StreamCondition::improper_addressing, "every stanza has from and to");
  auto from = xmpp::Jid::parse(stanza->attr("from"));
  if (!from) return end(StreamCondition::invalid_from, "not an address");
  auto to = xmpp::Jid::parse(stanza->attr("to"));
  if (!may_speak(*from, to ? *to : *from))
    return end(StreamCondition::invalid_from, "not an address that this stream may speak for");
  if (!to) return refuse(*stanza, Condition::jid_malformed);
  stanza->set_attr("from", from->text());
  stanza->set_attr("to", to->text());

  const auto kind = stanza->name();
  const auto type = stanza->attr("type");
  if (kind == "message") {
    if (speaks_as_server(*stanza, *from, has_archives)) return std::unexpected(InboundRefusal{});
    remove_forged_ids(*stanza, node, *from);
  }
  // RFC 6121 §4.7.1
  if (kind == "presence" && !is_one_of(type, {"", "unavailable", "subscribe", "subscribed", "unsubscribe",
                                              "unsubscribed", "probe", "error"})) {
    return refuse(*stanza, Condition::bad_request);
  }
  if (kind == "iq") {  // RFC 6120 §8.2.3
    const bool is_request = is_one_of(type, {"get", "set"});
    const auto* payload = stanza->first_element();
    if (!stanza->has_attr("id") || !is_one_of(type, {"get", "set", "result", "error"}))
      return refuse(*stanza, Condition::bad_request);
    if (is_request && (payload == nullptr || payload->next_element() != nullptr))
      return refuse(*stanza, Condition::bad_request);
    // A roster push comes from one's own server alone, and so does one of the block list.
    const bool is_push = is_request && (payload->ns() == xmpp::ns::roster || payload->ns() == xmpp::ns::blocking);
    if (is_push && !to->is_bare() && to->has_local()) return refuse(*stanza, Condition::service_unavailable);
  }
  return Envelope{.from = std::move(*from), .to = std::move(*to), .stanza = std::move(stanza)};
}

}  // namespace rookery::server
