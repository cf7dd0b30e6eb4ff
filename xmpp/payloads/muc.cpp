#include "xmpp/payloads/muc.h"

#include <iterator>

#include "xmpp/namespaces.h"

namespace rookery::xmpp {
namespace {

constexpr std::string_view affiliations[] = {"outcast", "none", "member", "admin", "owner"};
constexpr std::string_view roles[] = {"none", "visitor", "participant", "moderator"};

template <typename Value, size_t count>
std::optional<Value> find_name(const std::string_view (&names)[count], std::string_view text) {
  for (size_t i = 0; i < count; ++i) {
    if (names[i] == text) return static_cast<Value>(i);
  }
  return std::nullopt;
}

Parsed<std::optional<Jid>> optional_jid(const Element& element, std::string_view name) {
  if (!element.has_attr(name)) return std::nullopt;
  auto jid = parse_jid_attribute(element, name);
  if (!jid) return std::unexpected(jid.error());
  return std::move(*jid);
}

Parsed<MucItem> parse_item(const Element& element) {
  MucItem item;
  if (element.has_attr("affiliation")) {
    item.affiliation = parse_affiliation(element.attr("affiliation"));
    if (!item.affiliation) return refuse(Condition::bad_request, "there is no such affiliation");
  }
  if (element.has_attr("role")) {
    item.role = parse_role(element.attr("role"));
    if (!item.role) return refuse(Condition::bad_request, "there is no such role");
  }
  if (item.affiliation.has_value() == item.role.has_value())
    return refuse(Condition::bad_request, "an item has either a role or an affiliation");
  auto jid = optional_jid(element, "jid");
  if (!jid) return std::unexpected(jid.error());
  item.jid = std::move(*jid);
  if (element.has_attr("nick")) item.nick = element.attr("nick");
  item.reason = element.child_text("reason", element.ns());
  return item;
}

}  // namespace

std::string_view to_string(Affiliation affiliation) { return affiliations[static_cast<size_t>(affiliation)]; }
std::string_view to_string(Role role) { return roles[static_cast<size_t>(role)]; }
std::optional<Affiliation> parse_affiliation(std::string_view text) {
  return find_name<Affiliation>(affiliations, text);
}
std::optional<Role> parse_role(std::string_view text) { return find_name<Role>(roles, text); }

std::optional<MucJoin> MucJoin::parse(const Element& presence) {
  const Element* x = presence.child("x", ns::muc);
  if (x == nullptr) return std::nullopt;
  MucJoin join;
  join.password = x->child_text("password", ns::muc);
  const Element* history = x->child("history", ns::muc);
  if (history == nullptr) return join;
  join.max_chars = parse_uint32(history->attr("maxchars"));
  join.max_stanzas = parse_uint32(history->attr("maxstanzas"));
  join.seconds = parse_uint32(history->attr("seconds"));
  if (const auto since = parse_date_time(history->attr("since"))) join.since = *since;
  return join;
}

Element& MucItem::add_to(Element& parent) const {
  Element& item = parent.add("item");
  if (affiliation) item.set_attr("affiliation", to_string(*affiliation));
  if (role) item.set_attr("role", to_string(*role));
  if (jid) item.set_attr("jid", jid->text());
  if (nick && !nick->empty()) item.set_attr("nick", *nick);
  if (!actor_nick.empty()) item.add("actor").set_attr("nick", actor_nick);
  if (!reason.empty()) item.add_text_child("reason", reason);
  return item;
}

Parsed<std::vector<MucItem>> parse_muc_admin(const Element& query) {
  std::vector<MucItem> items;
  for (const Element& child : query.elements()) {
    if (!child.is("item", ns::muc_admin)) continue;
    auto item = parse_item(child);
    if (!item) return std::unexpected(item.error());
    items.push_back(std::move(*item));
  }
  if (items.empty()) return refuse(Condition::bad_request, "there is no item");
  return items;
}

Element& add_muc_user(Element& stanza, const std::vector<int>& statuses) {
  Element& x = stanza.add("x", ns::muc_user);
  for (const int status : statuses) x.add("status").set_attr("code", std::to_string(status));
  return x;
}

Parsed<std::vector<MucInvite>> MucInvite::parse(const Element& message) {
  std::vector<MucInvite> found;
  const Element* x = message.child("x", ns::muc_user);
  if (x == nullptr) return found;
  for (const Element& child : x->elements()) {
    const bool is_decline = child.is("decline", ns::muc_user);
    if (!is_decline && !child.is("invite", ns::muc_user)) continue;
    auto peer = parse_jid_attribute(child, "to");
    if (!peer) return std::unexpected(peer.error());
    MucInvite invite{.is_decline = is_decline,
                     .peer = std::move(*peer),
                     .reason = child.child_text("reason", ns::muc_user),
                     .thread = {}};
    if (const Element* continued = child.child("continue", ns::muc_user)) {
      invite.is_continued = true;
      invite.thread = continued->attr("thread");
    }
    found.push_back(std::move(invite));
  }
  return found;
}

Parsed<MucDestroy> MucDestroy::parse(const Element& destroy) {
  auto alternate = optional_jid(destroy, "jid");
  if (!alternate) return std::unexpected(alternate.error());
  return MucDestroy{std::move(*alternate), destroy.child_text("password", destroy.ns()),
                    destroy.child_text("reason", destroy.ns())};
}

void MucDestroy::add_to(Element& parent) const {
  Element& destroy = parent.add("destroy");
  if (alternate) destroy.set_attr("jid", alternate->text());
  if (!password.empty()) destroy.add_text_child("password", password);
  if (!reason.empty()) destroy.add_text_child("reason", reason);
}

}  // namespace rookery::xmpp
