// XEP-0317: the hats of a room and who wears them. Values only; what may be done with them is in room_hats.cpp.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "xmpp/element.h"
#include "xmpp/jid.h"

namespace rookery::server::muc {

struct Hat {
  std::string title;
  std::string hue;  ///< an angle in degrees as it was given, XEP-0392; empty: none
  bool operator==(const Hat&) const = default;
};

class Hats {
 public:
  static constexpr size_t most_hats = 64, most_wearers = 4096;

  /// As to_xml() wrote it; whatever cannot be read is left out.
  static Hats parse(std::string_view xml);
  std::string to_xml() const;

  /// False: there are too many already.
  bool put(std::string_view uri, Hat hat);
  bool destroy(std::string_view uri);  ///< takes it off everybody; false: there is none
  /// Bare JIDs. Both false: no such hat, or too many wear hats; it was not worn.
  bool assign(const xmpp::Jid& who, std::string_view uri);
  bool unassign(const xmpp::Jid& who, std::string_view uri);

  const std::map<std::string, Hat, std::less<>>& all() const { return hats_; }  ///< by URI
  const std::map<xmpp::Jid, std::set<std::string, std::less<>>>& worn() const { return worn_; }
  bool wears(const xmpp::Jid& who, std::string_view uri) const;
  /// §3.1: nothing when the account (of any resource) wears none.
  void add_worn_to(xmpp::Element& presence, const xmpp::Jid& who) const;
  std::string hash() const;  ///< §2: of the list of hats

 private:
  std::map<std::string, Hat, std::less<>> hats_;
  std::map<xmpp::Jid, std::set<std::string, std::less<>>> worn_;
};

/// A URI with a scheme (RFC 3986 §3.1), no spaces, no more than 512 bytes.
bool is_hat_uri(std::string_view text);
/// A decimal number from 0 to 360.
bool is_hue(std::string_view text);

}  // namespace rookery::server::muc
