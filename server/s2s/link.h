// The way from one of our domains to another server's: what waits, in its order, and the one stream that carries it.
// Owned, with all others to that domain, by the loop that owns the domain's shard.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "server/s2s/outgoing_stream.h"
#include "storage/message_log.h"
#include "xmpp/errors.h"

namespace rookery::server::s2s {

class Peer;

/// A stanza for another server.
struct Outgoing {
  std::string xml;        ///< as in a stream
  storage::LogId id = 0;  ///< its entry in the log; 0: it is not kept
};

class Link final : public OutgoingStream::Owner {
 public:
  Link(Peer& peer, xmpp::Jid local);
  ~Link();

  /// Its entry, if it has one, is durable.
  void add(Outgoing stanza);
  /// The other server has come to us: so it may be there again.
  void wake();
  void close();  ///< the stream ends; what is kept waits for the next start
  bool is_idle() const { return queue_.empty() && !backlog_ && stream_ == nullptr; }
  std::string describe() const;

  // OutgoingStream::Owner
  void on_open() override;
  void on_acknowledged(uint32_t count) override;
  void on_room() override { pump(); }
  void on_ended(const Error& reason) override;

 private:
  void connect();
  void rest();
  void pump();
  void read_backlog();
  void take_page(const std::vector<storage::LogEntry>& entries, bool is_last);
  void remove_first();
  void give_first_back(const std::string& why);
  /// Gives back what is not kept, or what has waited too long; all of it where `everything` is true.
  void give_back(const xmpp::StanzaError& error, bool everything);
  void arm_idle_timer();

  Peer& peer_;
  const xmpp::Jid local_;
  std::deque<Outgoing> queue_;
  size_t sent_ = 0;          ///< of queue_, on the present stream
  bool one_by_one_ = false;  ///< the peer has ended a stream over one of queue_: alone it shows itself
  size_t bytes_ = 0;         ///< of queue_
  bool backlog_ = false;     ///< the log has more
  bool reading_ = false;
  storage::LogId taken_to_ = 0;  ///< up to here what is in the log has been in queue_
  storage::LogId newest_ = 0;
  std::shared_ptr<OutgoingStream> stream_;
  std::optional<Loop::TimerId> timer_;  ///< of the rest between two attempts, or of an idle stream
  bool is_resting_ = false, is_closed_ = false;
  unsigned failures_ = 0;  ///< in a row
  std::string last_failure_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace rookery::server::s2s
