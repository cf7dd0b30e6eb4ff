#include "server/features/muc/rooms.h"

#include "crypto/random.h"
#include "server/log.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/payload.h"

namespace rookery::server::muc {

using xmpp::Condition;

namespace {

constexpr std::chrono::seconds longest_sweep_interval(10);
constexpr auto load_again_after = std::chrono::milliseconds(200);

bool wants_to_enter(const Envelope& envelope) {
  return envelope.stanza->name() == "presence" && envelope.stanza->attr("type").empty() && !envelope.to.is_bare();
}

bool wants_to_create(const Envelope& envelope) {
  return wants_to_enter(envelope) && envelope.stanza->child("x", xmpp::ns::muc) != nullptr;
}

}  // namespace

Rooms::Rooms(Node& node, Loop& loop, RateLimit* invitations) : node_(node), loop_(loop), invitations_(invitations) {
  node_.homes(loop_).also_drop([this](const Homes::Which& which) {
    std::erase_if(rooms_, [&](const auto& each) {
      if (!which(each.first)) return false;
      each.second->ask_for_reports();
      searched_[shard_of(each.first)] = false;  // should they become ours again
      return true;
    });
  });
  sweep();
}

std::shared_ptr<Room> Rooms::find(const xmpp::Jid& room) const {
  const auto found = rooms_.find(std::string(room.bare_text()));
  return found == rooms_.end() ? nullptr : found->second;
}

void Rooms::receive(Envelope envelope) {
  const FromAnotherNode scope(node_.homes(loop_), envelope);
  if (const auto room = find(envelope.to)) return room->receive(std::move(envelope));
  if (!node_.homes(loop_).owns(envelope.to.bare_text()))
    return node_.router().route_anew(std::move(envelope));  // it has moved
  auto [loading, is_new] = loading_.try_emplace(std::string(envelope.to.bare_text()));
  const xmpp::Jid room = envelope.to.bare(), creator = envelope.from.bare();
  loading->second.push_back(std::move(envelope));
  if (is_new) load(room, creator);
}

Result<Rooms::Loaded> Rooms::read(storage::Stores& stores, storage::MessageLog& log, const xmpp::Jid& room,
                                  const xmpp::Jid& creator) {
  Loaded loaded;
  auto data = read_room(stores, log, room);
  if (data) {
    loaded.room = std::move(*data);
    return loaded;
  }
  if (data.error().failure != Failure::not_found) return std::unexpected<Error>(data.error());
  const auto created = stores.rooms().created_by(creator.text());
  if (!created) return std::unexpected<Error>(created.error());
  loaded.created = *created;
  const auto quarantine = stores.values().get(creator, quarantine_kind, "");
  if (!quarantine) return std::unexpected<Error>(quarantine.error());
  const auto until = *quarantine ? xmpp::parse_unsigned(**quarantine, 1ull << 40) : std::nullopt;
  if (until) loaded.creator = Quarantine(storage::TimePoint(std::chrono::seconds(*until)));
  return loaded;
}

void Rooms::load(const xmpp::Jid& room, const xmpp::Jid& creator) {
  auto work = [room, creator, &log = node_.log()](storage::Stores& stores) { return read(stores, log, room, creator); };
  node_.stores().run(std::move(work),
                     [this, room, creator](Result<Loaded> data) { on_loaded(room, creator, std::move(data)); });
}

void Rooms::on_loaded(const xmpp::Jid& room, const xmpp::Jid& creator, Result<Loaded> data) {
  const bool is_ours = node_.homes(loop_).owns(room.bare_text());
  if (is_ours && !data && data.error().failure == Failure::unavailable) {
    // The database is away, which says nothing about the room.
    loop_.after(load_again_after, [this, room, creator] { load(room, creator); });
    return;
  }
  auto waiting = std::move(loading_[room.text()]);
  loading_.erase(room.text());
  if (!is_ours) {
    for (Envelope& envelope : waiting) receive(std::move(envelope));
    return;
  }
  if (!data) log::error("room_not_loaded", {{"jid", room.text()}, {"error", data.error().message}});
  if (data && data->room) rooms_[room.text()] = std::make_shared<Room>(*this, std::move(*data->room));
  for (Envelope& envelope : waiting) {
    const FromAnotherNode scope(node_.homes(loop_), envelope);
    if (!data) {
      node_.router().accept(envelope);
      node_.router().bounce(envelope, {.condition = Condition::internal_server_error});
    } else if (find(room) != nullptr || loading_.contains(room.text())) {
      receive(std::move(envelope));
    } else if (wants_to_create(envelope) && !envelope.from.same_bare(creator)) {
      receive(std::move(envelope));  // his rooms have not been counted
    } else {
      receive_absent(std::move(envelope), *data);
    }
  }
}

void Rooms::receive_absent(Envelope envelope, const Loaded& known) {
  if (wants_to_create(envelope)) return create(std::move(envelope), known);
  if (wants_to_enter(envelope)) return say_not_in_the_room(node_, envelope);
  const bool is_presence = envelope.stanza->name() == "presence";
  // XEP-0410 §3.2: whoever pings an occupant where there is no room learns that he has to enter again.
  const bool to_occupant = !envelope.to.is_bare();
  node_.router().accept(envelope);
  if (is_presence) return;
  node_.router().bounce(envelope, {.condition = to_occupant ? Condition::not_acceptable : Condition::item_not_found});
}

void Rooms::create(Envelope envelope, const Loaded& known) {
  const Config& config = node_.config();
  const bool is_ours = node_.router().is_local_domain(envelope.from.domain());
  // §10.1.1: a service may restrict who creates rooms: not-allowed.
  if (config.muc_create == "nobody" || (config.muc_create == "local" && !is_ours)) {
    return node_.router().bounce(envelope,
                                 {.condition = Condition::not_allowed, .text = "You may not create rooms here"});
  }
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  if (known.creator.holds(now)) {  // REQUIREMENTS 28
    return node_.router().bounce(
        envelope, {.condition = Condition::not_allowed, .text = "A new account may not create rooms yet"});
  }
  if (known.created >= config.muc_rooms_per_user) {
    return node_.router().bounce(
        envelope, {.condition = Condition::resource_constraint, .text = "You have created too many rooms"});
  }
  // What an earlier room of that name has left behind is nobody's any more. The loop's own batch follows later.
  const xmpp::Jid jid = envelope.to.bare();
  purge_log(jid);
  RoomData data;
  data.is_new = true;
  data.record = {.jid = jid,
                 .config = {},
                 .secret = crypto::random_token(32),
                 .creator = std::string(envelope.from.bare_text()),
                 .created = now};
  data.record.name.clear();
  data.affiliations.push_back({.jid = envelope.from.bare(), .affiliation = "owner", .nick = {}, .reason = {}});
  rooms_[jid.text()] = std::make_shared<Room>(*this, std::move(data));
  receive(std::move(envelope));
}

void Rooms::purge_log(const xmpp::Jid& room) {
  storage::LogBatch batch;
  batch.purged.push_back(room.text());
  const uint32_t shard = shard_of(room.text());
  if (node_.cluster() != nullptr) batch.fences.push_back({shard, node_.homes(loop_).epoch_of(shard)});
  node_.log().commit(std::move(batch), [](const Status&) {});
}

bool Rooms::has(const Room& room) const { return find(room.jid()).get() == &room; }

void Rooms::forget(const xmpp::Jid& room) { rooms_.erase(room.text()); }

void Rooms::member_deleted(const xmpp::Jid& room, const xmpp::Jid& account) {
  if (const auto loaded = find(room)) loaded->member_deleted(account);
}

void Rooms::shut_down() {
  for (const auto& [jid, room] : rooms_) room->shut_down();
}

bool Rooms::may_invite(const xmpp::Jid& inviter, size_t count) {
  const std::string key(inviter.bare_text());
  for (size_t i = 0; invitations_ != nullptr && i < count; ++i) {
    if (!invitations_->take(key, loop_.now())) return false;
  }
  return true;
}

void Rooms::sweep() {
  std::vector<std::shared_ptr<Room>> idle;
  for (const auto& [jid, room] : rooms_) {
    room->forget_old_requests();
    if (room->is_idle() && loop_.now() - room->last_used() > node_.config().muc_idle) idle.push_back(room);
  }
  for (const auto& room : idle) room->unload();
  find_abandoned();
  loop_.after(std::min(node_.config().muc_idle, longest_sweep_interval), [this] { sweep(); });
}

}  // namespace rookery::server::muc
