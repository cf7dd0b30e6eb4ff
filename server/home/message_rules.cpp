#include "server/home/message_rules.h"

#include <algorithm>

#include "xmpp/namespaces.h"

namespace rookery::server {

namespace ns = xmpp::ns;

MessageType message_type(const xmpp::Element& message) {
  const auto type = message.attr("type");
  if (type == "chat") return MessageType::chat;
  if (type == "groupchat") return MessageType::groupchat;
  if (type == "headline") return MessageType::headline;
  if (type == "error") return MessageType::error;
  return MessageType::normal;  // RFC 6121 §5.2.2: also anything unknown
}

bool speaks_as_server(const xmpp::Element& message) {
  for (const auto& child : message.elements()) {
    if (child.ns() == ns::carbons && (child.name() == "sent" || child.name() == "received")) return true;
    if (child.is("result", ns::mam)) return true;
  }
  return false;
}

bool is_storable(const xmpp::Element& message) {
  const auto type = message_type(message);
  if (type == MessageType::chat || type == MessageType::normal) return says_something(message);
  // XEP-0334 §4.4: a headline that asks for it, too.
  return type == MessageType::headline && message.child("store", ns::hints) != nullptr && says_something(message);
}

bool says_something(const xmpp::Element& message) {
  bool says_something = false;
  for (const auto& child : message.elements()) {
    if (child.ns() == ns::hints && (child.name() == "no-store" || child.name() == "no-storage")) return false;
    if (child.ns() == ns::mam) return false;  // an archive's answer
    if (child.ns() == ns::chat_states || child.name() == "thread" || child.ns() == ns::sid ||
        child.ns() == ns::occupant_id)
      continue;
    if (child.is("x", ns::muc_user) && child.first_element() == nullptr)
      continue;  // XEP-0045 §7.5: marks a private message
    if (child.ns() == ns::hints && child.name() != "store") continue;
    says_something = true;
  }
  return says_something;
}

bool forbids_archive(const xmpp::Element& message) { return message.child("no-permanent-store", ns::hints) != nullptr; }

bool is_carbon_copied(const xmpp::Element& message, CarbonSide side) {
  if (message.child("private", ns::carbons) != nullptr || message.child("no-copy", ns::hints) != nullptr) return false;
  const auto type = message_type(message);
  if (type != MessageType::chat && type != MessageType::normal) return false;
  // Invitations, direct (XEP-0249) and mediated by a room, are for the person, not for the session that is in the room.
  const auto* in_room = message.child("x", ns::muc_user);
  if (message.child("x", ns::conference) != nullptr) return true;
  if (in_room != nullptr && in_room->child("invite", ns::muc_user) != nullptr) return true;
  // A private message from an occupant: the room itself sends it to each session that is there.
  if (in_room != nullptr && side == CarbonSide::receiver) return false;
  if (type == MessageType::chat || message.child("body", ns::client) != nullptr) return true;
  for (const auto& child : message.elements()) {
    if (child.ns() == ns::receipts || child.ns() == ns::chat_states || child.ns() == ns::markers) return true;
  }
  return is_storable(message);
}

namespace {

void add_highest(std::span<Session* const> sessions, Recipients& result) {
  // RFC 6121 §8.5.2.1.1 leaves it to us who is "most available": the highest priority of those who can be reached.
  // Those above who cannot keep their right; they get it when they are back.
  std::optional<int> highest, highest_reachable;
  for (const Session* session : sessions) {
    if (!session->available || session->priority < 0) continue;
    highest = std::max(highest.value_or(0), session->priority);
    if (session->is_reachable()) highest_reachable = std::max(highest_reachable.value_or(0), session->priority);
  }
  if (!highest) return;
  const int least = highest_reachable.value_or(*highest);
  for (Session* session : sessions) {
    if (session->available && session->priority >= least) result.direct.push_back(session);
  }
}

void add_copies(std::span<Session* const> sessions, Recipients& result) {
  for (Session* session : sessions) {
    if (session->carbons && std::ranges::find(result.direct, session) == result.direct.end())
      result.copies.push_back(session);
  }
}

}  // namespace

Recipients recipients(const xmpp::Element& message, const xmpp::Jid& to, std::span<Session* const> sessions,
                      bool answers_copied) {
  Recipients result;
  const auto type = message_type(message);
  if (!to.is_bare()) {
    const auto match = std::ranges::find_if(sessions, [&](Session* session) { return session->jid() == to; });
    if (match != sessions.end()) {
      result.direct.push_back(*match);
      if (answers_copied || is_carbon_copied(message, CarbonSide::receiver)) add_copies(sessions, result);
      return result;
    }
    // RFC 6121 §8.5.3.2: nobody has that resource (any more).
    if (type == MessageType::error) return result;
    if (type != MessageType::chat) {
      result.bounce = true;
      return result;
    }
  }
  if (type == MessageType::headline) {
    for (Session* session : sessions) {
      if (session->available && session->priority >= 0) result.direct.push_back(session);
    }
    return result;
  }
  if (type == MessageType::error) return result;
  if (type == MessageType::groupchat) {
    result.bounce = true;
    return result;
  }
  add_highest(sessions, result);
  result.offline = result.direct.empty();
  result.is_late = std::ranges::none_of(result.direct, &Session::is_reachable);
  if (!result.offline && is_carbon_copied(message, CarbonSide::receiver)) add_copies(sessions, result);
  return result;
}

std::string with_child(const std::string& xml, std::string_view child) {
  std::string out;
  out.reserve(xml.size() + child.size() + 12);
  if (xml.ends_with("/>")) {
    const auto name_end = xml.find_first_of(" />", 1);
    out.append(xml, 0, xml.size() - 2).append(">").append(child);
    return out.append("</").append(xml, 1, name_end - 1).append(">");
  }
  const auto close = xml.rfind("</");
  return out.append(xml, 0, close).append(child).append(xml, close);
}

std::string with_client_namespace(const std::string& xml) {
  std::string out = xml;
  return out.insert(xml.find_first_of(" />", 1), " xmlns='jabber:client'");
}

std::string stanza_id_element(const xmpp::Jid& by, storage::LogId id) {
  std::string out = "<stanza-id xmlns='urn:xmpp:sid:0' by='";
  xmpp::append_escaped(out, by.bare_text());
  return out.append("' id='").append(storage::to_stanza_id(id)).append("'/>");
}

std::string carbon_copy(std::string_view direction, const xmpp::Jid& account, const xmpp::Jid& to,
                        std::string_view type, const std::string& xml) {
  std::string out = "<message from='";
  xmpp::append_escaped(out, account.bare_text());
  out.append("' to='");
  xmpp::append_escaped(out, to.text());
  out.append("'");
  if (type == "chat") out.append(" type='chat'");  // §7: the same type; what is no chat here is normal
  out.append("><").append(direction).append(" xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>");
  out.append(with_client_namespace(xml));
  return out.append("</forwarded></").append(direction).append("></message>");
}

}  // namespace rookery::server
