// Server Dialback, XEP-0220: its two elements, and keys as XEP-0185 makes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "xmpp/element.h"
#include "xmpp/errors.h"
#include "xmpp/jid.h"

namespace rookery::xmpp {

namespace ns {
inline constexpr std::string_view dialback = "jabber:server:dialback";
inline constexpr std::string_view dialback_feature = "urn:xmpp:features:dialback";
}  // namespace ns

/// `<db:result/>` (§2.1.1, §2.2.1) or `<db:verify/>` (§2.1.2, §2.2.2), a request or an answer.
struct Dialback {
  enum class Kind { result, verify };
  enum class Type { request, valid, invalid, error };
  Kind kind = Kind::result;
  Type type = Type::request;
  Jid from, to;                                          ///< domains
  std::string id = {};                                   ///< verify: of the stream that is asked about
  std::string key = {};                                  ///< request
  Condition condition = Condition::undefined_condition;  ///< error (§2.5)
};

bool is_dialback(const Element& element);
/// nullopt when an address is no domain, the key or the id is missing, or the type is none.
std::optional<Dialback> parse_dialback(const Element& element);
/// As it stands inside of a stream that declares the prefix db.
std::string to_xml(const Dialback& dialback);

/// XEP-0185 §2: what the originating server shows the receiving one for this stream. Made anew from the secret when it
/// is asked about, so nothing has to be remembered, and any node of a cluster can answer.
std::string dialback_key(std::string_view secret, std::string_view receiving, std::string_view originating,
                         std::string_view stream_id);

}  // namespace rookery::xmpp
