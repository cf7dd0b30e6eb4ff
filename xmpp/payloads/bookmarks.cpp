#include "xmpp/payloads/bookmarks.h"

#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::xmpp {

Bookmark Bookmark::parse(const Element& conference) {
  const auto ns = conference.ns();
  Bookmark bookmark;
  bookmark.name = conference.attr("name");
  bookmark.autojoin = parse_boolean(conference.attr("autojoin")).value_or(false);
  bookmark.nick = conference.child_text("nick", ns);
  bookmark.password = conference.child_text("password", ns);
  if (const auto* extensions = conference.child("extensions", ns::bookmarks))
    bookmark.extensions = extensions->to_xml();
  return bookmark;
}

ElementPtr Bookmark::to_conference() const {
  auto conference = Element::make("conference", ns::bookmarks);
  if (!name.empty()) conference->set_attr("name", name);
  if (autojoin) conference->set_attr("autojoin", "true");
  if (!nick.empty()) conference->add_text_child("nick", nick);
  if (!password.empty()) conference->add_text_child("password", password);
  if (extensions.empty()) return conference;
  if (const auto parsed = parse_own(extensions)) conference->add_copy(**parsed);
  return conference;
}

void Bookmark::add_legacy_to(Element& storage, std::string_view room) const {
  auto& conference = storage.add("conference", ns::bookmarks_legacy).set_attr("jid", room);
  if (!name.empty()) conference.set_attr("name", name);
  if (autojoin) conference.set_attr("autojoin", "true");
  if (!nick.empty()) conference.add_text_child("nick", nick);
  if (!password.empty()) conference.add_text_child("password", password);
}

std::map<std::string, Bookmark> parse_legacy_bookmarks(const Element& storage) {
  std::map<std::string, Bookmark> found;
  for (const auto& child : storage.elements()) {
    if (!child.is("conference", ns::bookmarks_legacy)) continue;
    if (const auto room = Jid::parse(child.attr("jid"))) found.insert_or_assign(room->text(), Bookmark::parse(child));
  }
  return found;
}

}  // namespace rookery::xmpp
