#include "server/features/muc/room.h"

#include <algorithm>

#include "crypto/hash.h"
#include "server/features/muc/rooms.h"
#include "server/log.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::muc {

using xmpp::Condition;

namespace {

// A node that was cut off for longer than this has lost its shards, and its sessions, too.
constexpr auto time_to_return = std::chrono::seconds(60);

bool is_groupchat(const Envelope& envelope) {
  return envelope.stanza->name() == "message" && envelope.stanza->attr("type") == "groupchat";
}

std::optional<xmpp::RoomConfig> parse_config(const storage::Room& record) {
  if (record.config.empty()) return xmpp::RoomConfig();  // not configured yet
  const auto document = xmpp::parse_own(record.config);
  if (!document) return std::nullopt;
  const auto form = xmpp::DataForm::parse(**document);
  if (!form) return std::nullopt;
  auto config = xmpp::RoomConfig().changed_by(*form);
  if (!config) return std::nullopt;
  return std::move(*config);
}

/// A room whose configuration cannot be read must neither end nor open for that.
xmpp::RoomConfig read_config(const storage::Room& record) {
  if (auto config = parse_config(record)) return std::move(*config);
  log::error("room_configuration_unreadable", {{"jid", record.jid.text()}});
  xmpp::RoomConfig safe;
  safe.is_persistent = safe.members_only = true;
  safe.is_public = safe.allow_invites = false;
  return safe;
}

std::string write_config(const xmpp::RoomConfig& config) {
  auto holder = xmpp::Element::make("config", xmpp::ns::data_forms);
  config.to_form(xmpp::DataForm::Type::submit).add_to(*holder);
  return holder->first_element()->to_xml();
}

storage::RoomAffiliation to_record(const xmpp::Jid& jid, const Member& member) {
  return {.jid = jid,
          .affiliation = std::string(xmpp::to_string(member.affiliation)),
          .nick = member.nick,
          .reason = member.reason};
}

}  // namespace

bool is_temporary(const storage::Room& record) {
  const auto config = parse_config(record);
  return config && !config->is_persistent;
}

Room::Room(Rooms& rooms, RoomData data)
    : rooms_(rooms),
      jid_(data.record.jid),
      record_(std::move(data.record)),
      config_(read_config(record_)),
      avatars_(std::move(data.avatars)),
      hats_(std::move(data.hats)),
      last_id_(data.last_id),
      is_locked_(data.is_new),
      last_used_(rooms.loop().now()) {
  for (const auto& each : data.affiliations) {
    members_[each.jid] = {.affiliation = xmpp::parse_affiliation(each.affiliation).value_or(Affiliation::none),
                          .nick = each.nick,
                          .reason = each.reason};
  }
  if (auto subject = xmpp::parse_own(record_.subject, xmpp::ns::client)) subject_ = share(std::move(*subject));
  if (node().cluster() != nullptr && !data.is_new) {
    takeover_ = std::make_unique<Takeover>();
    takeover_->until = last_used_ + time_to_return;
  }
  for (auto& entry : data.history) remember({.id = entry.id, .xml = std::move(entry.xml), .stanza = {}});
}

Node& Room::node() { return rooms_.node(); }

void Room::receive(Envelope envelope) {
  last_used_ = rooms_.loop().now();
  if (envelope.stay && take_stay(envelope)) return;
  // Group chat goes into this turn's commit; all else waits for what is being written, so that everybody sees one
  // order.
  if (waiting_.empty() && !is_paused() && (commits_pending_ == 0 || is_groupchat(envelope)))
    return process(std::move(envelope));
  waiting_.push_back(std::move(envelope));
}

void Room::drain() {
  // One that was destroyed meanwhile has a successor, perhaps; so has one that moved.
  const auto is_over = [this] { return is_destroyed_ || !rooms_.has(*this); };
  if (is_over()) returning_.clear();
  let_return();
  while (!waiting_.empty() && !is_paused() && (commits_pending_ == 0 || is_groupchat(waiting_.front()))) {
    Envelope envelope = std::move(waiting_.front());
    waiting_.pop_front();
    is_over() ? rooms_.receive(std::move(envelope)) : process(std::move(envelope));
  }
}

void Room::process(Envelope envelope) {
  const FromAnotherNode scope(node().homes(), envelope);
  const auto kind = envelope.stanza->name();
  if (kind == "message") return receive_message(envelope);
  if (kind == "presence") return receive_presence(envelope);
  receive_iq(envelope);
}

Occupant* Room::occupant_of(const xmpp::Jid& session) {
  const auto found = by_session_.find(session.text());
  return found == by_session_.end() ? nullptr : found->second;
}

Occupant* Room::occupant_named(std::string_view nick) {
  const auto found = occupants_.find(nick);
  return found == occupants_.end() ? nullptr : found->second.get();
}

const Member* Room::member(const xmpp::Jid& jid) const {
  const auto found = members_.find(jid.bare());
  return found == members_.end() ? nullptr : &found->second;
}

bool Room::has_place_for(const std::vector<xmpp::Jid>& people) const {
  const auto added = std::ranges::count_if(people, [this](const auto& jid) { return !members_.contains(jid); });
  return added == 0 || members_.size() + static_cast<size_t>(added) <= rooms_.node().config().muc_members;
}

Affiliation Room::affiliation_of(const xmpp::Jid& jid) const {
  if (const Member* own = member(jid)) return own->affiliation;
  // §9.2: a whole domain may be banned.
  const auto domain = members_.find(jid.domain_jid());
  const bool is_banned = domain != members_.end() && domain->second.affiliation == Affiliation::outcast;
  return is_banned ? Affiliation::outcast : Affiliation::none;
}

Standing Room::standing_of(const xmpp::Jid& session) {
  const Occupant* occupant = occupant_of(session);
  return {.affiliation = affiliation_of(session), .role = occupant != nullptr ? occupant->role : Role::none};
}

bool Room::keeps_archive() const { return config_.is_logged && rooms_.node().config().archive; }

// XEP-0421 §3.1: the same for all sessions of an account, in this room alone, and not to be guessed from the address.
std::string Room::occupant_id(const xmpp::Jid& jid) const {
  return crypto::base64_encode(crypto::hmac(crypto::Hash::sha256, record_.secret, jid.bare_text()));
}

void Room::broadcast(const SharedStanzaPtr& stanza) {
  send_to_all(stanza, [](const Occupant&) { return true; });
}

// Collected first: a message to one who has vanished may come back at once, and then he is no occupant any more.
void Room::send_to_all(const SharedStanzaPtr& stanza, const std::function<bool(const Occupant&)>& is_meant) {
  Fanout fanout(node());
  for (const auto& [nick, occupant] : occupants_) {
    if (!is_meant(*occupant)) continue;
    for (const auto& session : occupant->sessions) fanout.add(session, stanza);
  }
  fanout.send();
}

void Room::send_to(const Occupant& occupant, const SharedStanzaPtr& stanza) {
  Fanout fanout(node());
  for (const auto& session : occupant.sessions) fanout.add(session, stanza);
  fanout.send();
}

void Room::refuse(Envelope& envelope, const xmpp::StanzaError& error) {
  envelope.seen.reset();  // sent again, it shall be answered again
  node().router().accept(envelope);
  node().router().bounce(envelope, error);
}

void Room::save(Stored then) {
  record_.config = write_config(config_);
  record_.config.shrink_to_fit();
  record_.name = config_.name;
  record_.is_public = config_.is_public;
  if (is_locked_ || is_destroyed_) return then ? then({}) : void();
  ++jobs_pending_;
  auto work = [record = record_](storage::Stores& stores) { return stores.rooms().put(record); };
  node().stores_of(jid_).run(
      std::move(work), [self = shared_from_this(), then = std::move(then)](const Status& stored) mutable {
        --self->jobs_pending_;
        if (!stored) log::error("room_not_saved", {{"jid", self->jid_.text()}, {"error", stored.error().message}});
        if (then) then(stored);
      });
}

void Room::save_members(const std::vector<xmpp::Jid>& changed, Stored then) {
  if (is_locked_ || is_destroyed_) return then ? then({}) : void();
  std::vector<storage::RoomAffiliation> records;
  for (const auto& jid : changed) {
    const Member* found = member(jid);
    records.push_back(to_record(jid, found != nullptr ? *found : Member{}));
  }
  ++jobs_pending_;
  auto work = [room = jid_, records = std::move(records)](storage::Stores& stores) -> Status {
    for (const auto& record : records) {
      if (const Status stored = stores.rooms().set_affiliation(room, record); !stored) return stored;
    }
    return {};
  };
  node().stores_of(jid_).run(
      std::move(work), [self = shared_from_this(), then = std::move(then)](const Status& stored) mutable {
        --self->jobs_pending_;
        if (!stored) log::error("room_not_saved", {{"jid", self->jid_.text()}, {"error", stored.error().message}});
        if (then) then(stored);
      });
}

void Room::set_member(const xmpp::Jid& jid, Affiliation affiliation, std::string reason) {
  Member& changed = members_[jid];
  changed.affiliation = affiliation;
  changed.reason = std::move(reason);
  // §7.10: a registration ends with the membership.
  if (affiliation <= Affiliation::none) changed.nick.clear();
  if (affiliation == Affiliation::none) members_.erase(jid);
}

// §10.9
void Room::destroy(const xmpp::MucDestroy* why, Stored then) {
  if (is_destroyed_) return;
  is_destroyed_ = true;
  takeover_.reset();
  const PresenceNote note{.destroy = why, .is_unavailable = true};
  for (const auto& [nick, occupant] : occupants_) send_to(*occupant, presence_for_self(*occupant, note));
  by_session_.clear();
  occupants_.clear();
  rooms_.purge_log(jid_);
  auto work = [room = jid_](storage::Stores& stores) -> Status {
    for (const auto kind : {"vcard", "hats"}) {
      if (const Status removed = stores.values().remove(room, kind, ""); !removed) return removed;
    }
    return stores.rooms().remove(room);
  };
  node().stores_of(jid_).run(
      std::move(work), [self = shared_from_this(), then = std::move(then)](const Status& removed) mutable {
        if (!removed) log::error("room_not_removed", {{"jid", self->jid_.text()}, {"error", removed.error().message}});
        if (then) then(removed);
      });
  rooms_.forget(jid_);
}

// §9.9
void Room::shut_down() {
  const PresenceNote note{.statuses = {332}, .is_unavailable = true};
  for (const auto& [nick, occupant] : occupants_) send_to(*occupant, presence_for_self(*occupant, note));
  by_session_.clear();
  occupants_.clear();
}

bool Room::is_idle() const {
  return occupants_.empty() && commits_pending_ == 0 && jobs_pending_ == 0 && waiting_.empty() && !is_paused() &&
         takeover_ == nullptr;
}

void Room::unload() { config_.is_persistent && !is_locked_ ? rooms_.forget(jid_) : destroy(nullptr); }

}  // namespace rookery::server::muc
