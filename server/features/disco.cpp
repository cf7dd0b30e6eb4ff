// XEP-0030: Service Discovery of the server and of accounts.
#include "xmpp/payloads/disco.h"

#include "server/access.h"
#include "server/features/features.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/caps.h"

namespace rookery::server {

namespace {

xmpp::DiscoInfo info_of(const IqTable& table) {
  xmpp::DiscoInfo info;
  for (const auto& [category, type, name] : table.identities()) {
    info.identities.push_back({.category = category, .type = type, .name = name, .lang = {}});
  }
  info.features = table.features();
  info.forms = table.forms();
  return info;
}

/// `caps_node`: a node that stands for the whole.
void answer_info(IqRequest& request, const IqTable& table, std::string_view caps_node = {}) {
  const auto node = request.payload().attr("node");
  if (!node.empty() && table.on_node_info) return table.on_node_info(std::move(request));
  if (!node.empty() && node != caps_node) return request.fail(xmpp::Condition::item_not_found);
  auto info = info_of(table);
  info.node = node;
  auto result = request.make_result();
  info.add_to(*result);
  request.reply(std::move(result));
}

void answer_items(IqRequest& request, xmpp::DiscoItems items) {
  if (!request.payload().attr("node").empty()) return request.fail(xmpp::Condition::item_not_found);
  auto result = request.make_result();
  items.add_to(*result);
  request.reply(std::move(result));
}

void account_info(IqRequest request) {
  // An account's nodes are those of personal eventing; open ones answer strangers too.
  if (!request.payload().attr("node").empty()) return pep_disco_info(std::move(request));
  if (refused_to_strangers(request)) return;
  answer_info(request, request.node().features().table(Scope::account));
}

/// XEP-0115 §6.2: who saw our capabilities in the stream features asks for them by node and hash.
void server_info(IqRequest request) {
  if (is_command_node(request)) return command_info(std::move(request));
  answer_info(request, request.node().features().table(Scope::server), request.node().caps().query_node());
}

void server_items(IqRequest request) {
  if (is_command_node(request)) return command_items(std::move(request));
  xmpp::DiscoItems items;
  for (const auto& service : request.node().features().services()) {
    const auto jid = xmpp::Jid::parse(service->domain);
    if (jid) items.items.push_back({.jid = *jid, .node = {}, .name = service->name});
  }
  answer_items(request, std::move(items));
}

void install_for(IqTable& table) {
  if (table.find("get", "query", xmpp::ns::disco_info) == nullptr) {
    table.on_iq("get", "query", xmpp::ns::disco_info, [&table](IqRequest request) { answer_info(request, table); });
  }
  if (table.find("get", "query", xmpp::ns::disco_items) == nullptr) {
    table.on_iq("get", "query", xmpp::ns::disco_items, [](IqRequest request) { answer_items(request, {}); });
  }
  table.advertise(xmpp::ns::disco_info);
  table.advertise(xmpp::ns::disco_items);
}

}  // namespace

xmpp::Caps caps_of_server(const FeatureRegistry& registry) {
  auto hash = xmpp::caps_hash(info_of(registry.table(Scope::server)));
  ensure(hash.has_value());
  return {.hash = "sha-1", .node = "https://rookery.im", .ver = std::move(*hash)};
}

void install_disco(Node&, FeatureRegistry& registry) {
  registry.on_iq(Scope::account, "get", "query", xmpp::ns::disco_info, account_info);
  registry.on_iq(Scope::account, "get", "query", xmpp::ns::disco_items, pep_disco_items);
  registry.on_iq(Scope::server, "get", "query", xmpp::ns::disco_info, server_info);
  registry.on_iq(Scope::server, "get", "query", xmpp::ns::disco_items, server_items);
  for (const Scope scope : {Scope::server, Scope::account}) install_for(registry.table(scope));
  for (const auto& service : registry.services()) {
    if (service->answers_disco) install_for(service->iq);
  }
  registry.identity(Scope::server, {.category = "server", .type = "im", .name = "Rookery"});
  registry.identity(Scope::account, {.category = "account", .type = "registered", .name = {}});
  registry.implements(
      {.number = 30, .name = "Service Discovery", .version = "2.5.0", .left_out = {}, .tests = "golden/disco"});
}

}  // namespace rookery::server
