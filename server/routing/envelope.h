// A stanza on its way from one home to another. Plain values: it travels between loops, later between nodes.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/message_log.h"
#include "xmpp/element.h"
#include "xmpp/jid.h"

namespace rookery::server {

namespace cluster {
/// A packet of another node which is acknowledged when what it carried is durable (cluster/port.h).
struct PacketRef {
  std::string destination, stream;
  uint64_t seq = 0;
};
}  // namespace cluster

/// Whom to tell that a stanza is durable: the client session that counts it (XEP-0198), and its home.
struct SenderRef {
  xmpp::Jid account;
  uint64_t session = 0;  ///< Session::serial(); 0: nobody waits
  uint32_t stanza = 0;   ///< counted from 1 in the session
  std::string resend_key;        ///< of its origin-id, empty when it has none
  storage::LogId sent_copy = 0;  ///< the entry in the sender's own archive, 0 when there is none
  std::chrono::steady_clock::time_point read_at{};   ///< when the message came from its client
  std::shared_ptr<const cluster::PacketRef> packet;  ///< instead of a session: it came from another node
};

struct Envelope {
  xmpp::Jid from;  ///< full JID of a client, or a bare JID for what a home itself says
  xmpp::Jid to;
  xmpp::ElementPtr stanza;  ///< message, presence or iq in jabber:client; from and to are stamped
  /// What the sender's home wants written in the same commit as the receiver's entry.
  std::optional<storage::LogEntry> sent_copy;
  std::optional<storage::LogBatch::Seen> seen;
  SenderRef sender;
  /// Of the sender's shard, where its home is on another node: storage refuses what a former owner still had on its way.
  std::optional<storage::LogBatch::Fence> sender_fence = {};
  bool must_log = false;  ///< the sender was promised durability even where the archive is off
};

}  // namespace rookery::server
