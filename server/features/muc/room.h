// One room, XEP-0045: the single owner of its occupants, affiliations, configuration and log. Runs on one loop only.
#pragma once

#include <boost/container/deque.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/archive/turns.h"
#include "server/feature.h"
#include "server/features/muc/hats.h"
#include "server/features/muc/privileges.h"
#include "server/loop.h"
#include "server/routing/fan_out.h"
#include "storage/stores.h"
#include "xmpp/payloads/mam.h"
#include "xmpp/payloads/muc.h"
#include "xmpp/payloads/muc_config.h"

namespace rookery::server::muc {

class Rooms;

/// What is read from storage when a room is first needed.
struct RoomData {
  storage::Room record;
  std::vector<storage::RoomAffiliation> affiliations;
  std::vector<storage::LogEntry> history;  ///< the newest entries of the log, ascending
  storage::LogId last_id = 0;
  std::vector<std::string> avatars;  ///< XEP-0486: hashes
  Hats hats;
  bool is_new = false;  ///< §10.1.1: locked until its owner has configured it
};
/// It surely is one that ends with its last occupant; false also for what cannot be read.
bool is_temporary(const storage::Room& record);
Result<RoomData> read_room(storage::Stores& stores, storage::MessageLog& log, const xmpp::Jid& room);

/// §7.2.16: what answers presence from one who is not in the room and does not ask to enter it.
void say_not_in_the_room(Node& node, const Envelope& presence);
/// What a client says of itself in its presence, as XML without its addresses and without what only the room says.
std::string own_words(xmpp::ElementPtr presence);
/// XEP-0153 §4.1: SHA-1 of each photo of a vCard, as hex.
std::vector<std::string> photo_hashes(const xmpp::Element& vcard);

// Of what anybody can be shown, many at a time.
constexpr size_t longest_nick_bytes = 256, longest_subject_bytes = 4096, longest_reason_bytes = 1024;
constexpr auto lists_are_full = "The room's lists are full";

/// One nick. All its sessions are of one account.
struct Occupant {
  xmpp::Jid jid;  ///< room@service/nick
  Role role = Role::none;
  std::string id;                    ///< XEP-0421
  std::vector<xmpp::Jid> sessions;   ///< full JIDs, never empty; the last one came last
  std::string presence;              ///< own_words(): show, status, caps, …; empty: not known
  SharedStanzaPtr shown;             ///< its presence as most of the others see it; null until needed
  bool shows_jid = false;            ///< of what is shown
  std::set<std::string> private_to;  ///< nicks that got private messages from it

  std::string_view nick() const { return jid.resource(); }
  xmpp::Jid account() const { return sessions.front().bare(); }
};

/// What is known of somebody whether present or not.
struct Member {
  Affiliation affiliation = Affiliation::none;
  std::string nick, reason;
};

/// What a presence of an occupant tells besides who it is.
struct PresenceNote {
  std::vector<int> statuses;       ///< for everybody
  std::vector<int> self_statuses;  ///< for the occupant alone; 110 goes without saying
  std::string new_nick, actor, reason;
  const xmpp::MucDestroy* destroy = nullptr;
  bool is_unavailable = false;
  std::string id;  ///< of the stanza that is answered, for the occupant itself
};

class Room : public std::enable_shared_from_this<Room> {
 public:
  Room(Rooms& rooms, RoomData data);

  const xmpp::Jid& jid() const { return jid_; }
  void receive(Envelope envelope);

  void member_deleted(const xmpp::Jid& account);  ///< its affiliation is not in storage any more; bans stay

  bool is_idle() const;
  Clock::time_point last_used() const { return last_used_; }
  void forget_old_requests();
  /// The room goes from this loop, but not its occupants from the room: their homes shall tell its next owner of them.
  void ask_for_reports();
  void shut_down();  ///< tells all who are here that they are not any more
  void unload();     ///< idle: leaves memory; one that is not persistent goes for good

 private:
  /// std::deque takes 576 bytes even while it is empty, and most rooms are quiet.
  template <typename T>
  using Queue = boost::container::deque<T>;
  struct HistoryItem {
    storage::LogId id = 0;
    std::string xml;         ///< as in the log
    SharedStanzaPtr stanza;  ///< as it is sent to who enters; null until needed
  };
  /// An IQ that was passed on to an occupant, §16.4.
  struct Relayed {
    xmpp::Jid asker;
    std::string id;
    xmpp::Jid asked;  ///< bare, real
    xmpp::Jid from;   ///< room@service/nick of the asked
    Clock::time_point at;
  };
  /// §7.8.2: whose decline the room passes on, and to whom. Bare JIDs.
  struct Invitation {
    xmpp::Jid inviter, invitee;
    bool operator==(const Invitation&) const = default;
  };
  using Stored = std::move_only_function<void(const Status&)>;
  /// Occupants that a former owner of the room had come back as their homes tell of them (docs/adr/0005). What those
  /// who are not back yet have missed meanwhile:
  struct Takeover {
    Clock::time_point until;
    std::set<std::string> gone;              ///< sessions that left this owner: what tells of them is old
    std::set<std::string> entered, changed;  ///< nicks
    std::vector<SharedStanzaPtr> departed;   ///< presence of occupants who left, or left a nick
    bool is_subject_new = false;
  };
  struct Returning {
    xmpp::Jid session;
    std::shared_ptr<const Stay> stay;
    std::string presence;  ///< own_words(); empty when only a claim is known
  };

  // room.cpp
  Node& node();
  void process(Envelope envelope);
  void drain();
  Occupant* occupant_of(const xmpp::Jid& session);
  Occupant* occupant_named(std::string_view nick);
  Affiliation affiliation_of(const xmpp::Jid& jid) const;
  const Member* member(const xmpp::Jid& jid) const;
  /// The lists do not grow beyond what the service allows when these come on them.
  bool has_place_for(const std::vector<xmpp::Jid>& people) const;
  Standing standing_of(const xmpp::Jid& session);
  bool sees_real_jids(const Occupant& occupant) const {
    return !config_.is_anonymous() || occupant.role == Role::moderator;
  }
  /// What is said is in the log, for XEP-0313: the owner wants it and the service does it.
  bool keeps_archive() const;
  std::string occupant_id(const xmpp::Jid& jid) const;
  void broadcast(const SharedStanzaPtr& stanza);
  void send_to_all(const SharedStanzaPtr& stanza, const std::function<bool(const Occupant&)>& is_meant);
  void send_to(const Occupant& occupant, const SharedStanzaPtr& stanza);
  void refuse(Envelope& envelope, const xmpp::StanzaError& error);
  void refuse(Envelope& envelope, xmpp::Condition condition, std::string text = {}) {
    refuse(envelope, xmpp::StanzaError{.condition = condition, .text = std::move(text)});
  }
  void save(Stored then = {});
  void save_members(const std::vector<xmpp::Jid>& changed, Stored then = {});
  void set_member(const xmpp::Jid& jid, Affiliation affiliation, std::string reason);
  void destroy(const xmpp::MucDestroy* why, Stored then = {});

  // room_presence.cpp
  xmpp::ElementPtr make_presence(const Occupant& occupant, const PresenceNote& note, bool with_jid) const;
  SharedStanzaPtr presence_for_others(Occupant& occupant, const PresenceNote& note, bool with_jid);
  SharedStanzaPtr presence_for_self(const Occupant& occupant, const PresenceNote& note) const;
  void broadcast_presence(Occupant& occupant, const PresenceNote& note);
  bool is_shown(const Occupant& occupant) const { return config_.presence_broadcast.contains(occupant.role); }
  void set_role(Occupant& occupant, Role role, PresenceNote note);
  void give_role(Occupant& occupant, Role role, PresenceNote note);
  Role role_of_new(const xmpp::Jid& account) const;
  void remove(Occupant& occupant, PresenceNote note);
  void left(const xmpp::Jid& nick);

  // room_enter.cpp
  void receive_presence(Envelope& envelope);
  void enter(Envelope& envelope, const xmpp::MucJoin& join);
  std::optional<xmpp::StanzaError> refuse_entry(const Envelope& envelope, const xmpp::MucJoin& join);
  bool nick_is_taken(std::string_view nick, const xmpp::Jid& by) const;
  void synchronize(const Occupant& occupant, const xmpp::Jid& session, std::string id, const xmpp::MucJoin& join);
  void show_to_others(Occupant& occupant);
  PresenceNote entry_note(std::string id) const;
  void change_nick(Envelope& envelope, Occupant& occupant, const std::optional<xmpp::MucJoin>& join);
  void leave(Occupant& occupant, const xmpp::Jid& session, PresenceNote note);
  Occupant& add_session(const xmpp::Jid& nick, const xmpp::Jid& session, std::string presence, PresenceNote note);
  void send_state(const Occupant& occupant, const xmpp::Jid& session, const PresenceNote& note);
  void receive_error(Envelope& envelope);

  // room_takeover.cpp
  bool take_stay(Envelope& envelope);
  bool is_paused() const { return !returning_.empty() || is_reading_missed_; }
  void let_return();
  void returned(storage::LogId after, std::vector<storage::LogEntry> missed);
  std::vector<SharedStanzaPtr> missed_messages(std::vector<storage::LogEntry> missed) const;
  bool seat(Returning& returning, Fanout& fanout);
  void show_changes(Occupant& occupant, const xmpp::Jid& session, bool is_first, Fanout& fanout);
  void note_left(const xmpp::Jid& session);

  // room_message.cpp
  void receive_message(Envelope& envelope);
  void receive_groupchat(Envelope& envelope);
  void publish(Envelope& envelope, xmpp::ElementPtr message, const xmpp::Jid& from,
               std::vector<storage::LogEntry> tombstones = {}, Job then = {});
  void published(const xmpp::Element& message, const std::string& xml, storage::LogId id);
  void add_stanza_id(xmpp::Element& message, storage::LogId id) const;
  void tell_absent_members(const SharedStanza& message, storage::LogId id);
  void receive_private(Envelope& envelope);
  void announce(const std::vector<int>& statuses);

  // room_invite.cpp
  void receive_normal(Envelope& envelope);
  void invite(Envelope& envelope, const std::vector<xmpp::MucInvite>& invites);
  void send_invitation(const xmpp::Jid& inviter, const xmpp::MucInvite& invite, std::string_view id = {});
  void decline(Envelope& envelope, const xmpp::MucInvite& invite);
  xmpp::ElementPtr make_invitation(const xmpp::Jid& from, const xmpp::MucInvite& invite) const;
  void request_voice(Envelope& envelope, const xmpp::DataForm& form);

  // room_archive.cpp
  storage::LogId next_log_id();
  storage::LogId committed_id() const { return uncommitted_.empty() ? last_id_ : *uncommitted_.begin() - 1; }
  void send_history(const xmpp::Jid& session, const xmpp::MucJoin& join, Fanout& fanout);
  void remember(HistoryItem item);
  bool may_read_archive(const xmpp::Jid& who);
  void query_archive(IqRequest request);
  void read_archive_page(IqRequest request, ArchiveTurns::TurnPtr turn);
  void archive_metadata(IqRequest request);

  // room_retract.cpp
  using Found = std::move_only_function<void(Result<storage::LogEntry>)>;
  void find_entry(std::string_view stanza_id, Found then);
  bool may_have_given(std::string_view stanza_id) const;
  storage::LogEntry tombstone(const storage::LogEntry& entry, std::string_view retraction, const Occupant* moderator,
                              std::string_view reason) const;
  void retract(Envelope envelope, std::string_view stanza_id);
  void moderate(IqRequest request);

  // room_iq.cpp
  void receive_iq(Envelope& envelope);
  void relay(Envelope& envelope);
  void relay_answer(Envelope& envelope);
  void get_vcard(IqRequest request);
  void set_vcard(IqRequest request);
  SharedStanzaPtr avatar_presence() const;

  // room_disco.cpp
  void disco_info(IqRequest request);
  void disco_items(IqRequest request);

  // room_admin.cpp
  void get_list(IqRequest request);
  void change_list(IqRequest request);
  std::optional<xmpp::StanzaError> check_item(const xmpp::Jid& actor, xmpp::MucItem& item);
  void apply_affiliation(const xmpp::Jid& jid, const xmpp::MucItem& item, const std::string& actor);
  bool is_last_owner(const xmpp::Jid& jid) const;
  bool keeps_an_owner(const std::vector<xmpp::MucItem>& items) const;

  // room_owner.cpp
  void get_config(IqRequest request);
  void set_config(IqRequest request);
  void configure(IqRequest request, const xmpp::DataForm& form);
  void config_changed(const xmpp::RoomConfig& before);

  // room_register.cpp
  void get_registration(IqRequest request);
  void set_registration(IqRequest request);
  bool ask_admins(const xmpp::Jid& who, std::string_view nick);
  void answer_registration(Envelope& envelope, const xmpp::DataForm& form);

  // room_hats.cpp
  bool may_run(std::string_view command, const xmpp::Jid& who);
  void run_command(IqRequest request);
  void command_info(IqRequest request);
  void command_items(IqRequest request);
  void change_hats(IqRequest request, std::string_view command, const xmpp::DataForm& form);
  void save_hats(Stored then);

  Rooms& rooms_;
  const xmpp::Jid jid_;
  storage::Room record_;
  xmpp::RoomConfig config_;
  std::map<xmpp::Jid, Member> members_;
  std::map<std::string, std::unique_ptr<Occupant>, std::less<>> occupants_;  ///< by nick
  std::unordered_map<std::string, Occupant*> by_session_;                    ///< by full JID
  SharedStanzaPtr subject_;
  std::vector<std::string> avatars_;
  Hats hats_;
  Queue<HistoryItem> history_;
  std::map<xmpp::Jid, Role>
      given_roles_;            ///< voice that moderators gave or took, of accounts that would have the other by default
  Queue<Invitation> invited_;  ///< the newest ones that nobody has declined
  std::set<xmpp::Jid> asked_for_;                     ///< who wants to be a member, while the admins have not answered
  std::unordered_map<std::string, Relayed> relayed_;  ///< by the id under which it went on

  storage::LogId last_id_ = 0;
  std::set<storage::LogId> uncommitted_;
  Queue<Envelope> waiting_;  ///< behind messages that are being written, so that all see one order
  size_t commits_pending_ = 0;
  size_t jobs_pending_ = 0;             ///< asynchronous work that will want this room
  std::unique_ptr<Takeover> takeover_;  ///< null when nobody can come back any more
  std::vector<Returning> returning_;    ///< nothing else is done before they are back
  bool is_reading_missed_ = false;
  bool is_locked_ = false;
  bool is_destroyed_ = false;
  Clock::time_point last_used_;
};

}  // namespace rookery::server::muc
