// HTTP File Upload, XEP-0363, as a client sees it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "xmpp/payloads/payload.h"

namespace rookery::xmpp {

namespace ns {
inline constexpr std::string_view oob = "jabber:x:oob";  // XEP-0066: how a file is told from a link
}  // namespace ns

struct UploadRequest {
  std::string filename;
  uint64_t size_bytes = 0;
  void add_to(Element& iq) const;
};

struct UploadSlot {
  std::string put_url, get_url;  ///< https (§5)
  std::vector<std::pair<std::string, std::string>>
      headers;  ///< to send with PUT: only those that §5 allows, on one line each

  /// `<slot/>`; nullopt when an address is missing or not https.
  static std::optional<UploadSlot> parse(const Element& slot);
};

}  // namespace rookery::xmpp
