// One bound resource: what must survive a broken socket. It lives in its account's home; the edge only carries bytes.
#pragma once

#include <boost/container/deque.hpp>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "server/home/held_back.h"
#include "server/home/path_choice.h"
#include "server/loop.h"
#include "server/net/link_health.h"
#include "server/routing/envelope.h"
#include "storage/message_log.h"
#include "xmpp/element.h"
#include "xmpp/errors.h"
#include "xmpp/jid.h"

namespace rookery::server {

class Home;

/// The edge as a session sees it: a way to send, and to end. Implemented by ClientStream.
class ClientLink {
 public:
  virtual void send(std::string_view xml) = 0;
  /// Ends the stream with this error; the link detaches itself from the session first.
  virtual void close(const xmpp::StreamError& error) = 0;
  virtual std::string peer_address() const = 0;
  virtual bool is_encrypted() const = 0;
  virtual LinkHealth health() const { return {}; }
  virtual bool is_open() const = 0;
  /// The session takes elements again, see Session::accepts_input().
  virtual void on_input_wanted() {}

 protected:
  ~ClientLink() = default;
};

/// A session as its edge sees it.
class ClientSession {
 public:
  virtual const xmpp::Jid& jid() const = 0;
  /// The edge has told its client of the session: what waits for the client may be sent.
  virtual void begin() = 0;
  /// A first-level element from the client: a stanza or stream management.
  virtual void on_element(xmpp::ElementPtr element) = 0;
  /// RFC 3921 §3: the session request of old clients; answered, counted, nothing else.
  virtual void on_legacy_session(xmpp::ElementPtr iq) = 0;
  /// The edge's outbox is empty: without XEP-0198 this is all the acknowledgement there is.
  virtual void on_drained() = 0;
  /// The connection is gone. `clean`: the client closed its stream, nothing will be resumed.
  virtual void on_link_lost(bool clean) = 0;
  /// False while more than enough is on its way: the edge stops reading.
  virtual bool accepts_input() const = 0;

 protected:
  ~ClientSession() = default;
};

class Session final : public ClientSession {
 public:
  Session(Home& home, xmpp::Jid full, uint64_t serial, ClientLink* link);
  ~Session();
  Session(const Session&) = delete;

  const xmpp::Jid& jid() const override { return jid_; }
  uint64_t serial() const { return serial_; }
  Home& home() { return home_; }
  ClientLink* link() { return link_; }
  void set_available(bool is_available);

  void begin() override;
  void on_element(xmpp::ElementPtr element) override;
  void on_legacy_session(xmpp::ElementPtr iq) override;
  void on_drained() override;
  void on_link_lost(bool clean) override;
  bool accepts_input() const override;
  /// Until release() the elements that come wait: the one before them waits for the disk.
  void hold() { held_up_ = true; }
  void release();

  /// Sends a stanza; `id` is its entry in the log, 0 when it has none.
  void send(std::string xml, storage::LogId id = 0);
  void send(const xmpp::Element& stanza);
  /// Stanza number n from the client is durable (or needs no durability).
  void handled(uint32_t n);
  /// Stanza n is about to be written. Its counter, which makes <failed h='…'/> exact after a crash, goes into the same
  /// commit where that is this loop's and nothing before it is still on its way through another.
  void count_with(uint32_t n, bool in_this_commit);
  void end(const xmpp::StreamError& error);  ///< kick, conflict, shutdown
  void abandon();                            ///< ends the connection; the client resumes elsewhere
  void abandon(const xmpp::StreamError& error);

  // XEP-0352. A session begins active, and a resumed one is so again (§5.2).
  bool is_active() const { return held_back_ == nullptr; }
  void set_active(bool active);

  // XEP-0198
  std::string enable_management(const xmpp::Element& enable);  ///< returns <enabled/> or <failed/>
  bool has_stream_management() const { return sm_enabled_; }
  const std::string& resumption_id() const { return sm_id_; }
  bool is_detached() const { return link_ == nullptr; }
  /// Its client has closed the stream; only what came before still has to be taken.
  bool is_ending() const { return gives_up_then_; }
  /// What is sent to it leaves at once. A stalled client (path_choice.h) gets nothing more until it acknowledges
  /// something.
  bool is_reachable() const { return link_ != nullptr && !stalled_; }
  Path path() const;
  /// Once in a while: asks one that has been silent for long (limits.ping_after), and gives up the connection of one
  /// that does not answer.
  void check_path();
  /// Everything that arrived may be promised: only then is the h of <resumed/> exact and nothing comes twice.
  bool is_settled() const { return promised_ == received_; }
  void settle();  ///< makes is_settled() come true, a commit later at most
  /// XEP-0198 §4: what answers a client that acknowledges more than was sent.
  xmpp::StreamError acknowledged_too_much(uint32_t acknowledged) const;
  bool is_plausible(uint32_t acknowledged) const { return acknowledged - acknowledged_ <= queue_.size() - unsent_; }
  /// Continues over another link; needs is_settled() and is_plausible(). Returns `<resumed/>`; begin() sends what
  /// waits.
  std::string resume(ClientLink& link, uint32_t acknowledged);

  // Which client this is, and what it knows (XEP-0386).
  std::string client;  ///< storage::Client::id, empty when it did not say
  const storage::TimePoint bound_at = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  storage::LogId archive_known_to =
      0;  ///< what is archived up to here it reads itself: it is not sent as offline messages

  // Presence (RFC 6121 §4) and what features keep per session.
  bool available = false;  ///< change it by set_available(), which counts
  int priority = 0;
  std::string presence;          ///< the last available presence as XML with `from`, without `to`
  std::set<xmpp::Jid> directed;  ///< RFC 6121 §4.6: who got directed presence
  std::vector<Stay> stays;       ///< the rooms that it is in (stays.cpp)
  std::shared_ptr<const Stay> stay_in(const xmpp::Jid& room) const;  ///< null when there is none
  bool interested = false;                                           ///< asked for the roster: gets roster pushes
  bool carbons = false;                                              ///< XEP-0280
  bool blocklist = false;  ///< XEP-0191 §3.4: asked for the block list: gets block pushes

  // Catching up: reads its inbox from the log, page by page; live messages wait their turn there.
  bool catching_up = false;
  bool reading_page = false;
  storage::LogId caught_up_to = 0;
  /// What came for it meanwhile: its pages bring that even where another session has had it already.
  std::set<storage::LogId> owed;
  storage::LogId owed_from = 0;  ///< where `owed` is full: so is all from here on; 0: it is not

 private:
  /// std::deque takes 576 bytes even while it is empty, and most sessions are idle.
  template <typename T>
  using Queue = boost::container::deque<T>;

  friend struct SessionCounters;  // tests begin just below 2^32
  struct Out {
    std::string xml;  ///< empty: read it again from the log by id
    size_t size = 0;
    storage::LogId id = 0;
  };
  void keep_for_later(xmpp::ElementPtr element);
  void on_stanza(xmpp::ElementPtr stanza);
  void on_management(const xmpp::Element& element);
  void release_held_back();
  void deliver(std::string xml, storage::LogId id);
  void acknowledge(uint32_t count);
  void count_acknowledged(storage::LogId newest);
  void send_ack();
  void record();
  void promise(uint32_t n);
  void request_ack_later();
  void request_ack();
  void stop_timer();
  void check_silence();
  void lose_link();
  void send_queued();
  void send_spilled(std::vector<storage::LogEntry> entries, size_t count);
  void tell_of_unacknowledged();
  void give_up_if_overfull();
  void give_up();
  LoopCounters& counters();
  ClientLink* set_link(ClientLink* link);  ///< returns the former one

  Home& home_;
  const xmpp::Jid jid_;
  const uint64_t serial_;
  ClientLink* link_;

  bool sm_enabled_ = false;
  bool ack_owed_ = false;  ///< an <r/> was answered with less than owed_
  bool ack_requested_ = false;
  bool stalled_ = false;
  Clock::time_point ack_requested_at_{};
  Clock::time_point heard_at_;     ///< the newest element from the client, or the beginning of its link
  Clock::time_point pinged_at_{};  ///< silent for long, and asked then
  std::string sm_id_;
  std::chrono::seconds resume_for_{};  ///< after the connection broke
  uint32_t received_ = 0;              ///< stanzas from the client
  uint32_t base_ = 0;      ///< of these, those before <enable/>, which are in no count that the client hears
  uint32_t durable_ = 0;   ///< of these, all up to here are durable
  uint32_t promised_ = 0;  ///< … and this count is durable too: the h of <a/>, <resumed/> and, after a crash, <failed/>
  uint32_t recording_ = 0;                ///< the newest count that record() has written
  uint32_t owed_ = 0;                     ///< what had arrived when <r/> came
  uint32_t elsewhere_ = 0;                ///< the last stanza whose commit is another loop's
  Queue<uint32_t> counted_;               ///< stanzas whose own commit has their count, not durable yet; ascending
  std::unordered_set<uint32_t> early_;    ///< handled out of order
  uint32_t sent_ = 0, acknowledged_ = 0;  ///< stanzas to the client
  Queue<Out> queue_;                      ///< sent, not acknowledged
  size_t unsent_ = 0;                     ///< of these the last ones, which have not left over the present link yet
  size_t queue_bytes_ = 0;                ///< in memory
  size_t unlogged_bytes_ = 0;             ///< of these, what is in no log and so cannot be spilled
  bool overfull_ = false;
  bool reading_spilled_ = false;
  uint32_t links_ = 0;  ///< counts resumptions: what was read for an earlier link is not sent over a later one
  std::vector<storage::LogId> undrained_;  ///< without XEP-0198: given to the edge, perhaps still in its outbox
  std::unique_ptr<HeldBack> held_back_;    ///< while the client is inactive
  bool held_up_ = false;
  struct Held {
    xmpp::ElementPtr element;
    size_t bytes = 0;
  };
  Queue<Held> held_;
  size_t held_bytes_ = 0;
  bool gives_up_then_ = false;  ///< when nothing is held up any more: the client has gone for good
  Loop::TimerId timer_{};       ///< until an acknowledgement is asked for; without a link until the session ends
  bool ack_timer_runs_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace rookery::server
