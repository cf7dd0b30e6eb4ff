// XEP-0357: Push Notifications. Devices that cannot be reached are woken through the app server that they have named.
#include <algorithm>
#include <array>

#include "server/access.h"
#include "server/cluster/cluster.h"
#include "server/features/features.h"
#include "server/features/push/notification.h"
#include "server/home/homes.h"
#include "server/home/importance.h"
#include "server/log.h"
#include "server/node.h"
#include "server/s2s/federation.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/data_form.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

namespace ns = xmpp::ns;

namespace {

constexpr size_t most_node_bytes = 1023, most_options_bytes = 4096;

void forget(Home& home, xmpp::Jid service, std::optional<std::string> node,
            std::move_only_function<void(Status)> then) {
  if (home.push) home.push->remove(service, node);
  auto remove = [account = home.jid(), service = std::move(service), node = std::move(node)](storage::Stores& stores) {
    return stores.push().remove(account, service, node);
  };
  home.node().stores().run(std::move(remove), [then = std::move(then)](Status done) mutable { then(std::move(done)); });
}

/// The form of §5's second example, as XML; empty when there is none.
xmpp::Parsed<std::string> publish_options(const xmpp::Element& enable) {
  const auto form = xmpp::DataForm::parse_child(enable);
  if (!form) return std::unexpected(form.error());
  if (!*form) return std::string();
  if ((*form)->form_type() != "http://jabber.org/protocol/pubsub#publish-options") {
    return xmpp::refuse(xmpp::Condition::bad_request, "The form must be one of publish options");
  }
  return enable.child("x", ns::data_forms)->to_xml();
}

void enable(IqRequest request) {
  if (refused_to_others(request)) return;
  const auto service = xmpp::parse_jid_attribute(request.payload(), "jid");
  if (!service) return request.fail(service.error());
  auto options = publish_options(request.payload());
  if (!options) return request.fail(options.error());
  std::string node(request.payload().attr("node"));
  if (node.size() > most_node_bytes || options->size() > most_options_bytes)
    return request.fail(xmpp::Condition::not_acceptable);
  // Rather now than with the first message that nobody is told of.
  const bool is_reached = request.node().router().is_ours(service->domain()) ||
                          request.node().federation().reaches(request.to().domain(), service->domain());
  if (!is_reached) return request.fail(xmpp::Condition::remote_server_not_found);
  Session* session = request.session();
  if (session == nullptr) return request.fail(xmpp::Condition::not_allowed);
  const PushDevices* known = request.home()->push.get();
  if (known != nullptr && known->is_full() && !known->has(*service, node))
    return request.fail(xmpp::Condition::resource_constraint, "Too many devices");
  storage::PushTarget target{
      .service = *service,
      .node = std::move(node),
      .options = std::move(*options),
      .device = session->client.empty() ? std::string(session->jid().resource()) : session->client};
  auto put = [account = request.to(), target](storage::Stores& stores) { return stores.push().put(account, target); };
  request.node().stores().run(std::move(put),
                              [request = std::move(request), target = std::move(target)](const Status& done) mutable {
                                if (!done) return request.fail(done.error());
                                Home* home = request.home();
                                if (home != nullptr && !home->push)
                                  home->push = std::make_unique<PushDevices>(std::vector<storage::PushTarget>());
                                if (home != nullptr) home->push->put(std::move(target));
                                request.reply();
                              });
}

void disable(IqRequest request) {
  if (refused_to_others(request)) return;
  const auto service = xmpp::parse_jid_attribute(request.payload(), "jid");
  if (!service) return request.fail(service.error());
  std::optional<std::string> node;
  if (request.payload().has_attr("node")) node = request.payload().attr("node");
  Home& home = *request.home();
  forget(home, *service, std::move(node), [request = std::move(request)](const Status& done) mutable {
    done ? request.reply() : request.fail(done.error());
  });
}

xmpp::ElementPtr make_request(Home& home, const PushDevices::Device& device) {
  return push_request(device, home.jid(), home.node().config().push_sender);
}

bool is_out_of_reach(Home& home, const PushDevices::Device& device) {
  const auto sessions = home.sessions();
  return std::ranges::none_of(
      sessions, [&](const Session* session) { return device.belongs_to(*session) && session->is_reachable(); });
}

void tell_devices(Home& home, PushDevices::News news, const xmpp::Jid& from) {
  if (!home.push) return;
  std::vector<xmpp::ElementPtr> requests;  // sent afterwards: the answer may be here before send() returns
  for (PushDevices::Device& device : home.push->all()) {
    const bool is_due = is_out_of_reach(home, device) && home.push->told(device, news, from, home.homes().loop().now());
    if (is_due) requests.push_back(make_request(home, device));
  }
  for (auto& request : requests) home.node().router().send(std::move(request));
}

Result<ChatSettings> read_settings(storage::Stores& stores, const xmpp::Jid& account, const xmpp::Jid& chat) {
  const auto item = stores.pubsub().item(account, ns::bookmarks, chat.text());
  if (!item && item.error().failure == Failure::not_found) return ChatSettings{};
  if (!item) return std::unexpected<Error>(item.error());
  const auto payload = xmpp::parse_own(item->payload);
  if (!payload || !(*payload)->is("conference", ns::bookmarks)) return ChatSettings{};
  return chat_settings(**payload);
}

/// Is the message the account's own, come back from a room?
bool is_own(const xmpp::Jid& from, const ChatSettings& settings, const xmpp::Element& message) {
  return message.attr("type") == "groupchat" && !settings.nick.empty() && from.resource() == settings.nick;
}

void on_message(Home& home, const xmpp::Element& message, bool is_public_room) {
  if (!home.push || home.push->all().empty() || !is_notable(message)) return;
  const auto from = xmpp::Jid::parse(message.attr("from"));
  if (!from || from->same_bare(home.jid())) return;
  const auto& devices = home.push->all();
  if (std::ranges::none_of(devices, [&](const auto& device) { return is_out_of_reach(home, device); })) return;
  auto read = [account = home.jid(), chat = from->bare()](storage::Stores& stores) {
    return read_settings(stores, account, chat);
  };
  const std::shared_ptr<xmpp::Element> copy = message.clone();
  home.node().stores().read(std::move(read), [&homes = home.homes(), account = home.jid(), from = *from, copy,
                                              is_public_room](Result<ChatSettings> settings) {
    Home* owner = homes.find_loaded(account);
    if (owner == nullptr) return;
    // Rather one push too many than a message that nobody hears of.
    const ChatSettings known = settings ? std::move(*settings) : ChatSettings{};
    if (is_own(from, known, *copy) || !wants_notification(known, is_public_room, *copy, account)) return;
    tell_devices(*owner, PushDevices::News::message, from);
  });
}

void on_arrival(Home& home, const xmpp::Element& stanza) {
  if (stanza.name() != "presence") return on_message(home, stanza, false);
  const auto from = xmpp::Jid::parse(stanza.attr("from"));
  if (from) tell_devices(home, PushDevices::News::request, *from);
}

/// §7.1: these will not pass by themselves.
bool is_final(const xmpp::StanzaError& error) {
  using enum xmpp::Condition;
  constexpr std::array conditions = {bad_request, conflict,       feature_not_implemented, forbidden,
                                     gone,        item_not_found, jid_malformed,           not_acceptable,
                                     not_allowed, not_authorized, registration_required,   subscription_required};
  return std::ranges::find(conditions, error.condition) != conditions.end();
}

bool on_answer(Home& home, const Envelope& envelope) {
  if (!home.push) return false;
  const bool failed = envelope.stanza->attr("type") == "error";
  const auto error = failed ? xmpp::StanzaError::parse(*envelope.stanza) : std::nullopt;
  const auto outcome = home.push->answered(envelope.stanza->attr("id"), envelope.from, failed,
                                           error && is_final(*error), home.homes().loop().now());
  if (outcome.device == nullptr) return false;
  if (outcome.send) home.node().router().send(make_request(home, *outcome.device));
  if (!outcome.drop) return true;
  const auto target = outcome.device->target;
  log::info("push_disabled", {{"account", home.jid().text()}, {"service", target.service.text()}});
  forget(home, target.service, target.node, [](const Status& done) {
    if (!done) log::error("push_not_removed", {{"error", done.error().message}});
  });
  return true;
}

/// From the room's loop to the member's, which may be another node's: there it comes here again.
void on_room_message(Node& node, const AbsentRoomMessage& absent) {
  if (node.router().goes_elsewhere(absent.member)) {
    const cluster::AbsentMessage message{
        .member = absent.member, .message = absent.message.clone(), .id = absent.id, .is_public = absent.is_public};
    return node.cluster()->port().send_to_shard(shard_of(absent.member.text()), cluster::Topic::absent,
                                                cluster::encode(message));
  }
  Loop& loop = node.router().owner(absent.member.text());
  const std::shared_ptr<xmpp::Element> message = absent.message.clone();
  const auto tell = [&node, &loop, member = absent.member, message, is_public = absent.is_public] {
    node.homes(loop).with_home(member, [message, is_public](Home* home) {
      if (home != nullptr) on_message(*home, *message, is_public);
    });
  };
  loop.post(tell);
}

}  // namespace

void install_push(Node& node, FeatureRegistry& registry) {
  registry.implements({.number = 357,
                       .name = "Push Notifications",
                       .version = "0.4.1",
                       .left_out = "bodies of messages, on purpose",
                       .tests = "golden/push, integration/mobile, integration/federation/rookeries_test.py"});
  if (!node.config().push) return;
  registry.advertise(Scope::account, ns::push);
  registry.on_iq(Scope::account, "set", "enable", ns::push, enable);
  registry.on_iq(Scope::account, "set", "disable", ns::push, disable);
  registry.message_arrived.push_back(on_arrival);
  registry.room_message_for_absent.push_back(
      [&node](const AbsentRoomMessage& absent) { on_room_message(node, absent); });
  registry.response_to_account.push_back(on_answer);
}

}  // namespace rookery::server
