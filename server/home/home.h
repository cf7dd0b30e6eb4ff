// The single owner of one account: sessions, roster, presence, archive order, inbox, delivery. Runs on one loop only.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/home/contacts.h"
#include "server/home/push_devices.h"
#include "server/home/session.h"
#include "server/home/strangers.h"
#include "server/quarantine.h"
#include "server/routing/envelope.h"
#include "server/routing/fan_out.h"
#include "storage/stores.h"
#include "xmpp/payloads/roster.h"

namespace rookery::server {

class Homes;
class Node;

xmpp::RosterEntry to_entry(const storage::RosterItem& item);  ///< what clients see of it

/// XEP-0313 §7.
struct ArchivePreferences {
  std::string by_default = "always";  ///< always, never, roster
  std::set<std::string> always, never;
};

/// What is read from storage when an account is first needed.
struct HomeData {
  bool has_new_log = false;  ///< new_log_kind
  storage::Roster roster;
  storage::InboxState inbox;
  std::vector<std::string> blocked;  ///< XEP-0191, JID texts
  ArchivePreferences archive;
  std::string avatar;  ///< XEP-0153 hash; empty: none
  Strangers strangers;
  std::vector<storage::PushTarget> push;
  Quarantine quarantine;
};

class Home {
 public:
  Home(Homes& homes, xmpp::Jid bare, HomeData data);
  ~Home();
  Home(const Home&) = delete;

  const xmpp::Jid& jid() const { return jid_; }
  Homes& homes() { return homes_; }
  Node& node();

  // Sessions
  Session& bind(std::string_view resource, ClientLink& link);  ///< empty: one is generated; an equal one is replaced
  bool has_room_for(std::string_view resource);  ///< one more session, or one in the place of an equal one
  Session* find(std::string_view resource);
  Session* find_serial(uint64_t serial);
  Session* find_resumable(std::string_view id);
  std::vector<Session*> sessions();
  void session_ended(Session& session);        ///< destroys it
  void tell_of(const xmpp::Element& message);  ///< runs the hooks of FeatureRegistry::message_arrived

  // From our clients (home_outbound.cpp); `number` counts the session's stanzas, handled() is called when it is
  // durable.
  void message_from_client(Session& session, xmpp::ElementPtr message, uint32_t number);
  /// As if a client of ours had sent it, to the archive and the other devices too, but by somebody else's hand
  /// (XEP-0356 §4.3).
  void message_on_behalf(xmpp::ElementPtr message, xmpp::Jid to);
  void iq_from_client(Session& session, xmpp::ElementPtr iq);
  void presence_from_client(Session& session, xmpp::ElementPtr presence);

  /// What the stanza wrote, here and at its receiver, is durable.
  void confirmed(const SenderRef& sender);

  // To this account, from anywhere (home_inbound.cpp)
  void receive(Envelope envelope);
  /// A message or presence that is not stored, one of many alike (Router::fan_out); the envelope's stanza has no `to`.
  void receive_shared(const Envelope& envelope, const SharedStanza& stanza);
  /// The same for one session, whatever the stanza (Fanout, home_shared.cpp).
  void receive_for_session(const Envelope& envelope, const SharedStanzaPtr& stanza);
  /// Of a room, to a session of ours, which shall get it unless this says false: it has had it before (stays.cpp).
  bool hears(const xmpp::Jid& to, const xmpp::Element& stanza, storage::LogId place);
  /// There is no such session: answers a message with recipient-unavailable.
  static void bounce_shared(Node& node, const xmpp::Jid& to, const SharedStanza& stanza);

  // Presence and subscriptions, RFC 6121 §3-4 (presence.cpp, subscription.cpp)
  void session_unavailable(Session& session, const xmpp::Element* last_presence);
  /// Runs the presence hooks anew over the presence of each available session, and broadcasts what they have changed.
  void refresh_presence();
  const std::string& avatar() const { return avatar_; }
  void set_avatar(std::string hash);  ///< what presence says of it from now on; storage knows it already
  bool may_see_presence(const xmpp::Jid& contact) const;  ///< is subscribed to us (from or both)
  bool is_contact(const xmpp::Jid& jid) const;            ///< we are subscribed to it (to or both)
  /// Both see each other from now on: the other side's roster says so already.
  void befriend(const xmpp::Jid& contact);
  /// XEP-0379 §3.5: what the user would have answered to the request of one whom he has invited.
  void approve_invited(const xmpp::Jid& contact);
  void remove_contact(const xmpp::Jid& contact);  ///< roster remove: cancels both directions, pushes

  // Roster (roster.cpp)
  const Contacts& contacts() const { return contacts_; }
  uint64_t roster_version() const { return roster_version_; }
  std::optional<storage::RosterItem> contact(std::string_view bare_jid) const;
  bool is_roster_full_for(const xmpp::Jid& contact) const;  ///< who is not in it has no place any more
  using Stored = std::move_only_function<void(const Status&)>;
  /// Stores the item and pushes it to every interested session; `then` runs after it is durable or was refused for
  /// good.
  void put_contact(storage::RosterItem item, Stored then = {});
  /// Stores the item; pushes it only where it changes what clients see (a request that waits is not seen, RFC 6121
  /// §3.1.3).
  void update_contact(storage::RosterItem item);
  void drop_contact(const xmpp::Jid& bare, Stored then = {});
  /// Runs `job` when the roster as it is in memory is also that on disk: before that no client may see it.
  void when_roster_stored(Job job);

  // Inbox (inbox.cpp)
  void acknowledged(storage::LogId id);
  void released(storage::LogId id);  ///< a session that had it ended without acknowledging
  void catch_up(Session& session);   ///< sends what waits in the log
  void flush_cursor();
  void check_paths();  ///< of every session, once in a while (path_choice.h)
  /// The entry as a client gets it that was not there when it came: with stanza-id and delay.
  std::string late_copy(const storage::LogEntry& entry) const;
  storage::LogId next_log_id();
  /// The newest id that is surely committed: what an archive query may see.
  storage::LogId committed_id() const;
  bool has_uncommitted() const { return !uncommitted_.empty(); }
  void committed(storage::LogId id);
  /// Runs `job` when everything that this home has added to its log so far is durable and readable, or nobody knows
  /// because the home is_abandoned().
  void when_committed(Job job);

  // Blocking (XEP-0191)
  std::set<std::string>& blocked() { return blocked_; }
  bool is_blocked(const xmpp::Jid& jid) const;

  // Strangers, REQUIREMENTS 29 (strangers.cpp)
  Strangers strangers;
  /// In the roster, or written to by this account, or itself.
  bool knows(const xmpp::Jid& peer) const;
  /// May the account say something to it? A first contact counts, and is remembered; false: there were too many.
  bool may_turn_to(const xmpp::Jid& peer);
  /// From now on it is no stranger, and gets through what was held.
  void accept_stranger(const xmpp::Jid& peer);
  void forget_held(const std::string& peer);  ///< stays in the archive
  /// A client has come: it hears of who waits.
  void stranger_news(Session& session);

  /// Runs `job` after everything that waits for a commit before it: keeps the order of what clients see.
  void in_order(Job job);

  bool is_idle() const;     ///< nothing keeps it in memory
  bool is_settled() const;  ///< nothing that it has begun is still on its way to the disk
  bool is_referenced() const { return loads_pending_ != 0 || roster_writing_; }  ///< by something asynchronous
  /// The home goes but its account lives on, perhaps on another node: connections end, what is written about sessions
  /// stays.
  void abandon();
  bool is_abandoned() const { return abandoned_; }
  void account_deleted();  ///< the home goes and nothing of it is kept; contacts see the user leave
  ArchivePreferences archive_prefs;
  std::unique_ptr<PushDevices> push;  ///< XEP-0357; null while there are none
  Quarantine quarantine;
  Clock::time_point last_used{};

 private:
  friend class Session;
  void deliver_shared(const xmpp::Jid& to, const SharedStanza& stanza);
  void send_shared(Session& session, const std::string& xml);
  void deliver_message(const Envelope& envelope, const std::string& xml, storage::LogId id);
  void receive_message(Envelope envelope);
  void hold_message(Envelope envelope);
  void remember_acquaintance(const xmpp::Jid& peer, Acquaintances::Time when);
  void mark_held(const std::string& peer, Envelope envelope);
  void write_mark(const std::string& peer);
  void marked_held(const std::string& peer, const Status& stored);
  void store_marks(const std::string& peer);
  bool tries_again(const Error& error, std::function<void()> again);
  void tell_of_held(const std::string& peer);
  void announce_held(Session& session, const std::string& peer);
  void release_held(const std::string& peer);
  void read_messages_of(const std::string& peer, storage::LogId after,
                        std::function<void(const storage::ArchivePage*)> then);
  void read_held(const std::string& peer, storage::LogId after);
  void send_held(const std::string& peer, const storage::ArchivePage& page);
  void give(ReleasedMessages& released, const storage::LogEntry& entry);
  bool acknowledged_held(storage::LogId id);
  bool lost_held(storage::LogId id);
  void release_again(const std::string& peer);
  void read_released(const std::string& peer, storage::LogId after);
  void send_released(const std::string& peer, storage::LogId after, const storage::ArchivePage& page);
  void receive_presence(Envelope envelope);
  void receive_iq(Envelope envelope);
  void subscription_from_client(const xmpp::Element& presence, const xmpp::Jid& to);
  void receive_subscription(const Envelope& envelope, std::string_view type);
  void receive_probe(const xmpp::Jid& from);
  void remember_last_activity();
  void run_presence_hooks(Session& session, xmpp::Element& presence);
  void broadcast_presence(Session& session, const xmpp::Element& presence, bool initial);
  void send_sent_carbons(uint64_t sender, const xmpp::Element& message, storage::LogId id);
  void remember_copied(const xmpp::Element& message);
  bool answers_copied(const Envelope& envelope) const;
  void look_up_resend(Envelope envelope);
  void resent_again(SenderRef sender);
  void resend_unknown(const SenderRef& sender, const Error& error);
  void accept_message(Envelope envelope);
  void send_presence_of(const Session& session, const xmpp::Jid& to);
  void send_unavailable_of_all(const xmpp::Jid& to);
  void send_unavailable(const Session& session, const xmpp::Jid& to);
  void route_presence(std::string_view type, const xmpp::Jid& from, const xmpp::Jid& to);
  void store_contact(storage::RosterItem item, bool push, Stored then);
  /// A change that memory has already and the disk not yet.
  struct RosterChange {
    xmpp::Jid jid;
    bool push = false;
    uint64_t version = 0;                     ///< the roster's after it
    std::optional<storage::RosterItem> item;  ///< nullopt: removed
    Stored then;
  };
  void change_roster(RosterChange change);
  void write_roster();
  void roster_not_stored(std::vector<RosterChange> changes, const Error& error);
  void set_roster(const storage::Roster& roster);
  void push_roster(const RosterChange& change);
  bool archives(const xmpp::Jid& peer) const;
  bool gets_it_from_the_log(Session& session, storage::LogId id);
  bool takes_owed(Session& session, const storage::LogEntry& entry);
  void send_page(Session& session, std::vector<storage::LogEntry> entries, bool complete, storage::LogId read_to);
  void end_catch_up(Session& session);
  void advance_cursor();

  Homes& homes_;
  const xmpp::Jid jid_;
  std::vector<std::unique_ptr<Session>> sessions_;
  Contacts contacts_;
  uint64_t roster_version_ = 0;
  std::vector<RosterChange> roster_changes_;  ///< to be written, oldest first
  std::vector<Job> roster_waiting_;
  bool roster_writing_ = false;  ///< a write or its repetition is under way
  std::set<std::string> blocked_;
  std::string avatar_;

  storage::LogId last_id_ = 0;
  storage::LogId last_inbox_id_ = 0;  ///< newest entry to be delivered that was added since this home was loaded
  storage::LogId cursor_ = 0;         ///< everything up to here is acknowledged
  storage::LogId scanned_to_ = 0;     ///< of what is unacknowledged up to here, pending_ knows
  bool backlog_ = false;              ///< the log may hold more beyond scanned_to_
  bool cursor_dirty_ = false;
  std::set<storage::LogId> pending_;
  std::set<storage::LogId> acked_early_;  ///< acknowledged before they were scanned
  std::unordered_map<storage::LogId, int> in_flight_;
  std::set<storage::LogId> uncommitted_;
  std::multimap<storage::LogId, uint64_t> read_early_;  ///< sessions that read it before its commit was reported
  std::vector<std::pair<storage::LogId, Job>> awaiting_commit_;  ///< runs when all up to that id is committed
  /// Origin-ids (as resend keys) on their way to the disk, and the resent stanzas that are durable when the first one
  /// is.
  std::unordered_map<std::string, std::vector<SenderRef>> unconfirmed_;
  std::vector<size_t>
      copied_;  ///< XEP-0280: the newest messages that our other sessions got copies of, hashes of id and addressee
  std::map<std::string, std::vector<Envelope>> marking_;  ///< wait until the store knows that they are held, by peer
  bool abandoned_ = false;
  size_t commits_pending_ = 0;
  size_t loads_pending_ = 0;  ///< asynchronous reads that hold a pointer to this home
};

}  // namespace rookery::server
