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
  size_t loop = 0;     ///< which has received it, and acknowledges it
  uint32_t parts = 0;  ///< so many packets before it go with it
};
}  // namespace cluster

namespace s2s {
/// A stream from another server, which acknowledges a stanza when it is durable (s2s/incoming_stream.h).
struct StreamRef {
  size_t loop = 0;
  uint64_t serial = 0;
  std::string key;  ///< by which the message is recognised when it is sent again; empty: it is not
};
}  // namespace s2s

/// Whom to tell that a stanza is durable: the client session that counts it (XEP-0198), and its home.
struct SenderRef {
  xmpp::Jid account;
  uint64_t session = 0;                               ///< Session::serial(); 0: nobody waits
  uint32_t stanza = 0;                                ///< counted from 1 in the session
  std::string resend_key;                             ///< of its origin-id, empty when it has none
  storage::LogId sent_copy = 0;                       ///< the entry in the sender's own archive, 0 when there is none
  std::chrono::steady_clock::time_point read_at{};    ///< when the message came from its client
  std::shared_ptr<const cluster::PacketRef> packet;   ///< instead of a session: it came from another node
  std::shared_ptr<const s2s::StreamRef> stream = {};  ///< instead of a session: it came from another server
};

/// A session's stay in a room, as its home knows it: from this a new owner of the room makes its occupants anew
/// (docs/adr/0005). Homes say it, never clients.
struct Stay {
  xmpp::Jid occupant;        ///< room@service/nick
  std::string role;          ///< XEP-0045 §5.1, as the room said it last
  storage::LogId heard = 0;  ///< the newest message of the room that has reached the session (Envelope::place)
  bool is_report = false;    ///< the stanza, a presence, only carries it
};

struct Envelope {
  xmpp::Jid from;  ///< full JID of a client, or a bare JID for what a home itself says
  xmpp::Jid to;
  xmpp::ElementPtr stanza;  ///< message, presence or iq in jabber:client; from and to are stamped
  /// What the sender's home wants written in the same commit as the receiver's entry.
  std::optional<storage::LogEntry> sent_copy;
  std::optional<storage::LogBatch::Seen> seen;
  SenderRef sender;
  /// Of the sender's shard, where its home is on another node: storage refuses what a former owner still had on its
  /// way.
  std::optional<storage::LogBatch::Fence> sender_fence = {};
  bool must_log = false;                  ///< the sender was promised durability even where the archive is off
  std::shared_ptr<const Stay> stay = {};  ///< to a room, in a cluster: the sender's home says that it is in there
  /// Of a room for one of its sessions: a message's place in the room's order; of presence that tells of the session
  /// itself, what was said before it. 0: nothing that concerns a Stay.
  storage::LogId place = 0;
};

/// Envelope::place of what nobody is shown: the room's owner goes, and the session's home shall report its stay.
inline constexpr storage::LogId place_asks_for_report = UINT64_MAX;

}  // namespace rookery::server
