// One stanza for many, serialised once: only `to` differs from copy to copy.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/message_log.h"
#include "xmpp/element.h"
#include "xmpp/jid.h"

namespace rookery::server {

class Node;

/// Immutable, so that loops may share it.
class SharedStanza {
 public:
  /// `stanza`: in jabber:client, without `to`.
  explicit SharedStanza(xmpp::ElementPtr stanza, storage::LogId place = 0);
  /// One to be kept: of the tree it has the root alone, and the rest as XML.
  explicit SharedStanza(const xmpp::Element& stanza);

  /// With its children, unless it is to be kept.
  const xmpp::Element& stanza() const { return *stanza_; }
  xmpp::ElementPtr whole() const;                    ///< a copy with everything
  storage::LogId place() const { return in_room_; }  ///< Envelope::place
  /// As XML for this address.
  std::string addressed(std::string_view to) const;

 private:
  xmpp::ElementPtr stanza_;
  std::string xml_;
  size_t place_;  ///< in xml_, behind the element's name
  storage::LogId in_room_;
};
using SharedStanzaPtr = std::shared_ptr<const SharedStanza>;
SharedStanzaPtr share(xmpp::ElementPtr stanza, storage::LogId place = 0);  ///< a `to` is removed
SharedStanzaPtr share_to_keep(xmpp::ElementPtr stanza);

/// Collects deliveries of any stanzas to full JIDs and sends them together, one post a loop, in the order of adding:
/// for rooms. Nothing is stored for the receivers. A message to a session that is gone comes back to its sender as the
/// error recipient-unavailable; whoever blocks the sender is passed over silently.
class Fanout {
 public:
  explicit Fanout(Node& node);
  void add(const xmpp::Jid& to, const SharedStanzaPtr& stanza);
  void send();

 private:
  struct Item {
    xmpp::Jid to;
    SharedStanzaPtr stanza;
  };
  bool is_session_here(const xmpp::Jid& to) const;
  static void deliver(Node& node, std::vector<Item>& items);

  Node& node_;
  std::vector<std::vector<Item>> by_loop_;
  std::vector<Item> elsewhere_;
};

}  // namespace rookery::server
