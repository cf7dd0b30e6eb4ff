// Whom to tell when something came for a device that is not connected (XEP-0357).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/result.h"
#include "xmpp/jid.h"

namespace rookery::storage {

struct PushTarget {
  xmpp::Jid service;    ///< the app server
  std::string node;     ///< its node, may be empty
  std::string options;  ///< the form of publish options as XML, empty: none
  std::string device;   ///< Client::id of who enabled it, or its resource
  bool operator==(const PushTarget&) const = default;
};

/// Belongs to the account, which takes it along when it is removed.
class PushStore {
 public:
  virtual ~PushStore() = default;
  virtual Result<std::vector<PushTarget>> list(const xmpp::Jid& account) = 0;  ///< by service and node
  virtual Status put(const xmpp::Jid& account,
                     const PushTarget& target) = 0;  ///< replaces the one of this service and node
  /// Without a node: all of the service. Fine if there is none.
  virtual Status remove(const xmpp::Jid& account, const xmpp::Jid& service, std::optional<std::string_view> node) = 0;
};

}  // namespace rookery::storage
