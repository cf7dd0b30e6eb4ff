// What is asked of the room, and what is passed on to an occupant (XEP-0045 §16.4).
#include "crypto/hash.h"
#include "crypto/random.h"
#include "server/features/muc/room.h"
#include "server/features/muc/rooms.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server::muc {

using xmpp::Condition;

namespace {

constexpr size_t most_relayed = 2000;
constexpr auto relay_lifetime = std::chrono::seconds(120);

}  // namespace

std::vector<std::string> photo_hashes(const xmpp::Element& vcard) {
  std::vector<std::string> hashes;
  for (const auto& photo : vcard.elements()) {
    if (!photo.is("PHOTO", xmpp::ns::vcard_temp)) continue;
    std::string text = photo.child_text("BINVAL", xmpp::ns::vcard_temp);
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
    const auto image = crypto::base64_decode(text);
    if (image && !image->empty()) hashes.push_back(crypto::hex_encode(crypto::digest(crypto::Hash::sha1, *image)));
  }
  return hashes;
}

Result<RoomData> read_room(storage::Stores& stores, storage::MessageLog& log, const xmpp::Jid& room) {
  RoomData data;
  auto record = stores.rooms().load(room);
  if (!record) return std::unexpected<Error>(record.error());
  data.record = std::move(*record);
  auto affiliations = stores.rooms().affiliations(room);
  if (!affiliations) return std::unexpected<Error>(affiliations.error());
  data.affiliations = std::move(*affiliations);
  const auto vcard = stores.values().get(room, "vcard", "");
  if (!vcard) return std::unexpected<Error>(vcard.error());
  if (*vcard) {
    if (const auto document = xmpp::parse_own(**vcard)) data.avatars = photo_hashes(**document);
  }
  const auto hats = stores.values().get(room, "hats", "");
  if (!hats) return std::unexpected<Error>(hats.error());
  if (*hats) data.hats = Hats::parse(**hats);
  storage::ArchiveQuery newest;
  newest.owner = room.text();
  newest.last_page = true;
  newest.limit = 200;
  auto page = log.query(newest);
  if (!page) return std::unexpected<Error>(page.error());
  data.history = std::move(page->entries);
  const auto state = log.load(room.text());
  if (!state) return std::unexpected<Error>(state.error());
  data.last_id = state->last_id;
  return data;
}

void Room::receive_iq(Envelope& envelope) {
  const auto type = envelope.stanza->attr("type");
  if (!envelope.to.is_bare()) return relay(envelope);
  if (type != "get" && type != "set") return;
  // §10.1.1: until it is configured the room is there for its owner alone.
  if (is_locked_ && affiliation_of(envelope.from) != Affiliation::owner) {
    return node().router().bounce(envelope, {.condition = Condition::item_not_found});
  }
  struct Handler {
    std::string_view type, name, ns;
    void (Room::*serve)(IqRequest);
  };
  static constexpr Handler handlers[] = {
      {"get", "query", xmpp::ns::disco_info, &Room::disco_info},
      {"get", "query", xmpp::ns::disco_items, &Room::disco_items},
      {"get", "query", xmpp::ns::muc_admin, &Room::get_list},
      {"set", "query", xmpp::ns::muc_admin, &Room::change_list},
      {"get", "query", xmpp::ns::muc_owner, &Room::get_config},
      {"set", "query", xmpp::ns::muc_owner, &Room::set_config},
      {"get", "query", xmpp::ns::registration, &Room::get_registration},
      {"set", "query", xmpp::ns::registration, &Room::set_registration},
      {"get", "vCard", xmpp::ns::vcard_temp, &Room::get_vcard},
      {"set", "vCard", xmpp::ns::vcard_temp, &Room::set_vcard},
      {"set", "moderate", xmpp::ns::moderate, &Room::moderate},
      {"set", "apply-to", xmpp::ns::fasten, &Room::moderate},
      {"set", "command", xmpp::ns::commands, &Room::run_command},
      {"set", "query", xmpp::ns::mam, &Room::query_archive},
      {"get", "metadata", xmpp::ns::mam, &Room::archive_metadata},
  };
  const xmpp::Element* payload = envelope.stanza->first_element();
  IqRequest request(node(), std::move(envelope.stanza), std::move(envelope.from), jid_);
  if (payload == nullptr) return request.fail(Condition::bad_request);
  for (const auto& handler : handlers) {
    if (handler.type == request.stanza().attr("type") && payload->is(handler.name, handler.ns))
      return (this->*handler.serve)(std::move(request));
  }
  if (payload->is("ping", xmpp::ns::ping) && !request.is_set()) return request.reply();
  if (payload->is("query", xmpp::ns::mam)) {
    auto result = request.make_result();
    xmpp::add_mam_fields(*result);
    return request.reply(std::move(result));
  }
  request.fail(Condition::service_unavailable);
}

void Room::relay(Envelope& envelope) {
  const auto type = envelope.stanza->attr("type");
  if (type != "get" && type != "set") return relay_answer(envelope);
  const auto refuse_it = [&](Condition condition) { node().router().bounce(envelope, {.condition = condition}); };
  const Occupant* asker = occupant_of(envelope.from);
  if (asker == nullptr) {
    // XEP-0410 §3.2; §6.6 wants another answer for discovery.
    const auto* asked = envelope.stanza->first_element();
    const bool discovers =
        asked != nullptr && (asked->ns() == xmpp::ns::disco_info || asked->ns() == xmpp::ns::disco_items);
    return refuse_it(discovers ? Condition::bad_request : Condition::not_acceptable);
  }
  const Occupant* target = occupant_named(envelope.to.resource());
  if (target == nullptr) return refuse_it(Condition::item_not_found);
  const xmpp::Element* payload = envelope.stanza->first_element();
  if (payload == nullptr) return refuse_it(Condition::bad_request);
  if (target == asker && payload->is("ping", xmpp::ns::ping)) {
    return node().router().send(xmpp::result_reply(*envelope.stanza));  // XEP-0410 §4: the room knows
  }
  if (relayed_.size() >= most_relayed) return refuse_it(Condition::resource_constraint);
  // vCards and nodes are kept by the account's server; the rest is for the client.
  const bool is_for_account = payload->ns() == xmpp::ns::vcard_temp || payload->ns() == xmpp::ns::pubsub;
  const xmpp::Jid to = is_for_account ? target->account() : target->sessions.back();
  std::string id = crypto::random_token();
  auto stanza = std::move(envelope.stanza);
  relayed_[id] = {.asker = envelope.from,
                  .id = std::string(stanza->attr("id")),
                  .asked = to.bare(),
                  .from = target->jid,
                  .at = rooms_.loop().now()};
  stanza->set_attr("id", id);
  stanza->set_attr("from", asker->jid.text());
  stanza->set_attr("to", to.text());
  node().router().route(
      {.from = asker->jid, .to = to, .stanza = std::move(stanza), .sent_copy = {}, .seen = {}, .sender = {}});
}

void Room::relay_answer(Envelope& envelope) {
  const auto found = relayed_.find(std::string(envelope.stanza->attr("id")));
  if (found == relayed_.end() || !envelope.from.same_bare(found->second.asked)) return;
  const Relayed relayed = std::move(found->second);
  relayed_.erase(found);
  auto stanza = std::move(envelope.stanza);
  stanza->set_attr("id", relayed.id);
  stanza->set_attr("from", relayed.from.text());
  stanza->set_attr("to", relayed.asker.text());
  node().router().send(std::move(stanza));
}

void Room::forget_old_requests() {
  const auto old = rooms_.loop().now() - relay_lifetime;
  std::erase_if(relayed_, [&](const auto& each) { return each.second.at < old; });
  if (takeover_ && !is_paused() && rooms_.loop().now() > takeover_->until) takeover_.reset();
}

void Room::get_vcard(IqRequest request) {
  ++jobs_pending_;
  auto read = [room = jid_](storage::Stores& stores) { return stores.values().get(room, "vcard", ""); };
  node().stores().run(read, [self = shared_from_this(),
                             request = std::move(request)](Result<std::optional<std::string>> stored) mutable {
    --self->jobs_pending_;
    if (!stored) return request.fail(stored.error());
    if (!*stored) return request.fail(Condition::item_not_found);
    const auto document = xmpp::parse_own(**stored);
    if (!document) return request.fail(Condition::item_not_found);
    auto result = request.make_result();
    result->add_copy(**document);
    request.reply(std::move(result));
  });
}

/// XEP-0153 §4.1 from the room itself: what XEP-0486 §1 found in use, and what many installed clients know only.
SharedStanzaPtr Room::avatar_presence() const {
  auto presence = xmpp::Element::make("presence", xmpp::ns::client);
  presence->set_attr("from", jid_.text());
  presence->add("x", xmpp::ns::vcard_update)
      .add_text_child("photo", avatars_.empty() ? std::string() : avatars_.front());
  return share(std::move(presence));
}

// XEP-0486 §4.2
void Room::set_vcard(IqRequest request) {
  if (affiliation_of(request.from()) != Affiliation::owner)
    return request.fail(Condition::forbidden, "Only owners are allowed to set avatars.");
  std::vector<std::string> avatars = photo_hashes(request.payload());
  ++jobs_pending_;
  auto write = [room = jid_, xml = request.payload().to_xml()](storage::Stores& stores) {
    return stores.values().put(room, "vcard", "", xml);
  };
  node().stores_of(jid_).run(std::move(write), [self = shared_from_this(), request = std::move(request),
                                                avatars = std::move(avatars)](const Status& stored) mutable {
    --self->jobs_pending_;
    if (!stored) return request.fail(stored.error());
    const bool is_new = avatars != self->avatars_;
    self->avatars_ = std::move(avatars);
    request.reply();
    if (is_new) self->broadcast(self->avatar_presence());
    self->announce({104});
  });
}

}  // namespace rookery::server::muc
