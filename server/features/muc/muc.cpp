// XEP-0045: Multi-User Chat. One service for each of our domains; a room lives on the loop that owns its bare JID.
#include <memory>
#include <vector>

#include "server/features/features.h"
#include "server/features/muc/rooms.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/disco.h"

namespace rookery::server {

using xmpp::Condition;

namespace {

constexpr size_t most_loops = 1024;  // server.threads allows no more
constexpr uint32_t largest_page = 250;

/// The rooms of each loop. Every slot is touched by its loop alone.
class RoomsOfLoops {
 public:
  explicit RoomsOfLoops(Node& node) : node_(node), slots_(most_loops) {
    const unsigned most = node.config().strangers_per_hour;
    if (most > 0) invitations_ = std::make_unique<RateLimit>(most, std::chrono::hours(1));
  }
  muc::Rooms& here() {
    Loop& loop = *Loop::current();
    auto& slot = slots_[loop.index()];
    if (!slot) slot = std::make_unique<muc::Rooms>(node_, loop, invitations_.get());
    return *slot;
  }

 private:
  Node& node_;
  std::unique_ptr<RateLimit> invitations_;
  std::vector<std::unique_ptr<muc::Rooms>> slots_;
};

struct RoomPage {
  std::vector<std::pair<xmpp::Jid, std::string>> rooms;
  size_t count = 0;
};

Result<RoomPage> read_page(storage::Stores& stores, const storage::RoomRange& range) {
  RoomPage page;
  const auto count = stores.rooms().count(range.domain);
  if (!count) return std::unexpected<Error>(count.error());
  page.count = *count;
  if (range.limit == 0) return page;
  auto rooms = stores.rooms().list(range);
  if (!rooms) return std::unexpected<Error>(rooms.error());
  page.rooms = std::move(*rooms);
  return page;
}

// XEP-0045 §6.3, XEP-0059
void list_rooms(IqRequest request) {
  if (!request.payload().attr("node").empty()) return request.fail(Condition::item_not_found);
  const auto asked = xmpp::RsmRequest::parse_child(request.payload());
  if (!asked) return request.fail(asked.error());
  if (asked->index) return request.fail(Condition::feature_not_implemented);
  storage::RoomRange range;
  range.domain = request.to().domain();
  range.after = asked->after.value_or("");
  range.before = asked->before.value_or("");
  range.last_page = asked->before.has_value();
  range.limit = std::min(asked->max.value_or(largest_page), largest_page);
  auto read = [range](storage::Stores& stores) { return read_page(stores, range); };
  request.node().stores().run(
      std::move(read), [request = std::move(request), is_paged = !asked->empty()](Result<RoomPage> page) mutable {
        if (!page) return request.fail(page.error());
        xmpp::DiscoItems items;
        for (const auto& [jid, name] : page->rooms)
          items.items.push_back({.jid = jid, .node = {}, .name = name.empty() ? std::string(jid.local()) : name});
        if (is_paged || page->count > page->rooms.size()) {
          items.page.emplace();
          items.page->count = page->count;
          if (!page->rooms.empty()) {
            items.page->first = page->rooms.front().first.text();
            items.page->last = page->rooms.back().first.text();
          }
        }
        auto result = request.make_result();
        items.add_to(*result);
        request.reply(std::move(result));
      });
}

void receive(Node& node, RoomsOfLoops& rooms, Envelope envelope) {
  if (envelope.to.has_local()) return rooms.here().receive(std::move(envelope));
  node.router().accept(envelope);
  if (envelope.stanza->name() != "presence")
    node.router().bounce(envelope, {.condition = Condition::service_unavailable});
}

void describe(FeatureRegistry& registry) {
  registry.implements(
      {.number = 45,
       .name = "Multi-User Chat",
       .version = "1.35.5",
       .left_out =
           "roles of those who are away are forgotten when the room has been empty for a minute; who gets on the "
           "list of members is invited by clients, not by the room (§9.5)",
       .tests = "golden/muc, integration/admin/shutdown_test.py, integration/operate/temporary_rooms_test.py"});
  registry.implements({.number = 249,
                       .name = "Direct MUC Invitations",
                       .version = "1.2",
                       .left_out = {},
                       .tests = "golden/muc/invitations.scs"});
  registry.implements(
      {.number = 317,
       .name = "Hats",
       .version = "0.3.1",
       .left_out = "payloads in hats",
       .tests = "golden/muc/hats.scs, golden/muc/hats_refused.scs, unit/server/features/muc/hats_test.cpp"});
  registry.implements({.number = 410,
                       .name = "MUC Self-Ping",
                       .version = "1.1.0",
                       .left_out = {},
                       .tests = "golden/muc/self_ping.scs"});
  registry.implements({.number = 421,
                       .name = "Occupant identifiers",
                       .version = "1.0.1",
                       .left_out = {},
                       .tests = "golden/muc/occupant_id.scs"});
  registry.implements({.number = 424,
                       .name = "Message Retraction",
                       .version = "0.4.2",
                       .left_out = "tombstones in the archives of accounts, on purpose: what is to be reported stays",
                       .tests = "golden/muc/retraction.scs, golden/im/retraction.scs"});
  registry.implements({.number = 425,
                       .name = "Moderated Message Retraction",
                       .version = "0.3.0",
                       .left_out = {},
                       .tests = "golden/muc/moderation.scs, golden/muc/moderation_of_what_is_not_kept.scs"});
  registry.implements(
      {.number = 486, .name = "MUC Avatars", .version = "0.1.0", .left_out = {}, .tests = "golden/muc/avatar.scs"});
}

}  // namespace

void install_muc(Node& node, FeatureRegistry& registry) {
  const std::string& subdomain = node.config().muc_subdomain;
  if (subdomain.empty()) return;
  const auto rooms = std::make_shared<RoomsOfLoops>(node);
  for (const auto& domain : node.config().domains) {
    Service service;
    service.domain = subdomain + "." + domain;
    service.name = "Rooms";
    service.iq.identity({.category = "conference", .type = "text", .name = "Rooms"});
    for (const auto feature : {xmpp::ns::muc, xmpp::ns::muc_stable_id, xmpp::ns::rsm, xmpp::ns::vcard_temp,
                               xmpp::ns::ping, xmpp::ns::occupant_id})
      service.iq.advertise(feature);
    service.iq.on_iq("get", "query", xmpp::ns::disco_items, list_rooms);
    service.iq.on_iq("get", "ping", xmpp::ns::ping, [](IqRequest request) { request.reply(); });
    service.receive = [&node, rooms](Envelope envelope) { receive(node, *rooms, std::move(envelope)); };
    registry.host(std::move(service));
  }
  registry.started.emplace_back([&node, rooms] {
    // Each loop looks for what was left behind in its rooms.
    for (auto& loop : node.loops()) loop->post([rooms] { rooms->here(); });
  });
  registry.member_deleted.emplace_back(
      [rooms](const xmpp::Jid& room, const xmpp::Jid& account) { rooms->here().member_deleted(room, account); });
  registry.stopping.emplace_back([rooms] { rooms->here().shut_down(); });
  describe(registry);
}

}  // namespace rookery::server
