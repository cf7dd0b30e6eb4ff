// One message for many, serialised once: only `to` differs from copy to copy.
#pragma once

#include <string>
#include <string_view>

#include "xmpp/element.h"

namespace rookery::server {

class SharedStanza {
 public:
  explicit SharedStanza(xmpp::ElementPtr stanza);  ///< in jabber:client, without `to`

  const xmpp::Element& stanza() const { return *stanza_; }
  /// As XML for this address.
  std::string addressed(std::string_view to) const;

 private:
  xmpp::ElementPtr stanza_;
  std::string xml_;
  size_t place_;  ///< in xml_, behind the element's name
};

}  // namespace rookery::server
