// vCards: vcard-temp (XEP-0054) and vCard4 (RFC 6351, XEP-0292), and the way between them (XEP-0292 §9).
#pragma once

#include "xmpp/payloads/payload.h"

namespace rookery::xmpp {

/// What both forms can say; photographs are left to avatars (XEP-0084, XEP-0398).
ElementPtr vcard4_from_temp(const Element& vcard);
/// `previous`, if there is one, gives what only vcard-temp can say.
ElementPtr vcard_temp_from_4(const Element& vcard, const Element* previous);

/// XEP-0153 §4.6: a photograph in a vcard-temp.
struct VcardPhoto {
  std::string type;   ///< "image/png"; empty when it is not said
  std::string image;  ///< raw
};
/// nullopt when there is none, or only one elsewhere (EXTVAL), or what cannot be read.
std::optional<VcardPhoto> find_photo(const Element& vcard);
void add_photo(Element& vcard, const VcardPhoto& photo);
void remove_photo(Element& vcard);

}  // namespace rookery::xmpp
