// Publishing to our own PEP nodes and reading those of others (XEP-0163, XEP-0060).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "client/core/net/connection.h"

namespace rookery::client {

class Pep {
 public:
  explicit Pep(Connection& connection) : connection_(connection) {}

  struct Item {
    std::string node, id;
    std::string max_items;  ///< "1", "max"
    bool only_we = false;   ///< access model whitelist, for the account's own devices; else open, for everyone
  };
  using Done = std::function<void(Status)>;
  /// Publishes for those whom the item says. A node that is configured otherwise is reconfigured.
  void publish(Item item, const xmpp::Element& payload, Done done);
  /// Calls once nothing that is published waits for its answer.
  void when_published(std::function<void()> done);
  /// The payload of one item, or of the newest for an empty id. Failure::not_found when there surely is none (or it is
  /// not for us), ::unavailable when nobody could tell.
  using Found = std::function<void(Result<const xmpp::Element*>)>;
  void fetch(const xmpp::Jid& owner, const std::string& node, const std::string& id, Found found);

 private:
  void publish_again(const Item& item, const std::shared_ptr<xmpp::Element>& payload, Done done);
  void configure(const Item& item, Done done);
  xmpp::ElementPtr publish_iq(const Item& item, const xmpp::Element& payload, bool with_options) const;
  Connection& connection_;
  size_t open_ = 0;  ///< publications without an answer
  std::vector<std::function<void()>> waiting_;
};

}  // namespace rookery::client
