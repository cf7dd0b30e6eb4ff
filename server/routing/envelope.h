// A stanza on its way from one home to another. Plain values: it travels between loops, later between nodes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/message_log.h"
#include "xmpp/element.h"
#include "xmpp/jid.h"

namespace rookery::server {

/// Whom to tell that a stanza is durable: the client session that counts it (XEP-0198), and its home.
struct SenderRef {
  xmpp::Jid account;
  uint64_t session = 0;  ///< Session::serial(); 0: nobody waits
  uint32_t stanza = 0;   ///< counted from 1 in the session
  std::string resend_key;        ///< of its origin-id, empty when it has none
  storage::LogId sent_copy = 0;  ///< the entry in the sender's own archive, 0 when there is none
};

struct Envelope {
  xmpp::Jid from;  ///< full JID of a client, or a bare JID for what a home itself says
  xmpp::Jid to;
  xmpp::ElementPtr stanza;  ///< message, presence or iq in jabber:client; from and to are stamped
  /// What the sender's home wants written in the same commit as the receiver's entry.
  std::optional<storage::LogEntry> sent_copy;
  std::optional<storage::LogBatch::Seen> seen;
  SenderRef sender;
  bool must_log = false;  ///< the sender was promised durability even where the archive is off
};

}  // namespace rookery::server
