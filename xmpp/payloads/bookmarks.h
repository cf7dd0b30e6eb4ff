// Bookmarks of rooms: PEP Native Bookmarks (XEP-0402) and the list of XEP-0048 that they replace.
#pragma once

#include <map>

#include "xmpp/payloads/payload.h"

namespace rookery::xmpp {

/// One bookmark without its room's address, which is the item's id in the one form and an attribute in the other.
struct Bookmark {
  std::string name, nick, password;
  bool autojoin = false;
  std::string extensions;  ///< XEP-0402: the `<extensions/>` as XML, empty when there is none; the old form has none

  /// A `<conference/>` of either form; what is malformed counts as absent.
  static Bookmark parse(const Element& conference);
  ElementPtr to_conference() const;                                   ///< XEP-0402 §3
  void add_legacy_to(Element& storage, std::string_view room) const;  ///< XEP-0048 §3
  /// Says the same in the old form.
  bool same_in_legacy(const Bookmark& other) const {
    return name == other.name && nick == other.nick && password == other.password && autojoin == other.autojoin;
  }

  bool operator==(const Bookmark&) const = default;
};

/// The conferences of a `<storage xmlns='storage:bookmarks'/>` by the room's address; those without a valid one are
/// left out.
std::map<std::string, Bookmark> parse_legacy_bookmarks(const Element& storage);

}  // namespace rookery::xmpp
