// Which rooms a session is in, as its home hears it from the rooms (Envelope::place): so that one which changes its
// owner finds its occupants again (docs/adr/0005). Without a cluster nothing of it is kept.
#include <algorithm>

#include "server/cluster/cluster.h"
#include "server/home/home.h"
#include "server/home/homes.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

namespace {

/// Does `from` (an attribute) name the room of this stay, or one in it?
bool is_of(const Stay& stay, std::string_view from) {
  const auto room = stay.occupant.bare_text();
  return from.starts_with(room) && (from.size() == room.size() || from[room.size()] == '/');
}

bool has_status(const xmpp::Element& x, std::string_view code) {
  for (const auto& child : x.elements()) {
    if (child.name() == "status" && child.attr("code") == code) return true;
  }
  return false;
}

Stay* find_stay(Session& session, std::string_view from) {
  const auto found = std::ranges::find_if(session.stays, [&](const Stay& stay) { return is_of(stay, from); });
  return found == session.stays.end() ? nullptr : &*found;
}

/// XEP-0045 §7.2.2: status 110 marks what a room says of the session itself.
void hear_of_itself(Session& session, const xmpp::Element& presence, storage::LogId place) {
  const auto* x = presence.child("x", xmpp::ns::muc_user);
  if (x == nullptr || !has_status(*x, "110")) return;
  const auto from = presence.attr("from");
  if (presence.attr("type") == "unavailable") {
    if (!has_status(*x, "303"))
      std::erase_if(session.stays, [&](const Stay& stay) { return is_of(stay, from); });  // §7.6: else it stays
    return;
  }
  auto occupant = xmpp::Jid::parse(from);
  if (!occupant || !presence.attr("type").empty()) return;
  const auto* item = x->child("item", xmpp::ns::muc_user);
  std::string role(item != nullptr ? item->attr("role") : std::string_view());
  if (Stay* stay = find_stay(session, from)) {
    stay->occupant = std::move(*occupant);
    stay->role = std::move(role);
    return;
  }
  // One that has left meanwhile is not brought back by what was still on its way.
  const bool asked =
      std::ranges::any_of(session.directed, [&](const xmpp::Jid& to) { return to.same_bare(*occupant); });
  if (asked) session.stays.push_back({.occupant = std::move(*occupant), .role = std::move(role), .heard = place});
}

void report(Node& node, const Session& session, Stay stay) {
  auto presence = xmpp::Element::make("presence", xmpp::ns::client);
  if (auto own = xmpp::parse_own(session.presence, xmpp::ns::client)) presence = std::move(*own);
  while (const auto* x = presence->child("x", xmpp::ns::muc)) presence->remove(*x);
  const xmpp::Jid to = stay.occupant;
  presence->set_attr("from", session.jid().text()).set_attr("to", to.text());
  stay.is_report = true;
  node.router().route({.from = session.jid(),
                       .to = to,
                       .stanza = std::move(presence),
                       .stay = std::make_shared<const Stay>(std::move(stay))});
}

}  // namespace

std::shared_ptr<const Stay> Session::stay_in(const xmpp::Jid& room) const {
  const auto found = std::ranges::find_if(stays, [&](const Stay& stay) { return stay.occupant.same_bare(room); });
  return found == stays.end() ? nullptr : std::make_shared<const Stay>(*found);
}

bool Home::hears(const xmpp::Jid& to, const xmpp::Element& stanza, storage::LogId place) {
  Session* session = find(to.resource());
  const bool is_question = place == place_asks_for_report;
  if (session == nullptr || place == 0) return !is_question;
  Stay* stay = find_stay(*session, stanza.attr("from"));
  if (is_question) {
    if (stay != nullptr) report(node(), *session, *stay);
    return false;
  }
  if (stanza.name() == "presence") {
    hear_of_itself(*session, stanza, place);
    return true;
  }
  if (stay == nullptr) return true;
  if (place <= stay->heard) return false;
  stay->heard = place;
  return true;
}

void Homes::on_places(const cluster::Places& places) {
  std::vector<bool> is_new(places.shards.size(), false);
  bool any = false;
  known_epochs_.resize(places.shards.size(), 0);
  for (size_t shard = 0; shard < places.shards.size(); ++shard) {
    const auto& place = places.shards[shard];
    if (place.process.empty() || place.epoch == known_epochs_[shard]) continue;
    if (known_epochs_[shard] != 0) is_new[shard] = any = true;
    known_epochs_[shard] = place.epoch;
  }
  if (!any) return;
  for (const auto& [jid, home] : homes_) {
    for (Session* session : home->sessions()) {
      const std::vector<Stay> stays = session->stays;  // a room here answers at once, and may end one of them
      for (const Stay& stay : stays) {
        if (is_new[shard_of(stay.occupant.bare_text())]) report(node_, *session, stay);
      }
    }
  }
}

}  // namespace rookery::server
