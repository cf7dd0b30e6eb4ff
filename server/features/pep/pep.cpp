// Personal Eventing (XEP-0163): every account is a pubsub service (XEP-0060) of its owner.
#include <type_traits>
#include <variant>

#include "server/feature.h"
#include "server/features/features.h"
#include "server/features/pep/notify.h"
#include "server/features/pep/requests.h"
#include "server/home/home.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/pubsub/event.h"

namespace rookery::server {

using xmpp::Condition;
namespace pubsub = xmpp::pubsub;

namespace {

constexpr std::string_view features[] = {
    "access-open",     "access-presence",  "access-roster",       "access-whitelist",     "auto-create",
    "auto-subscribe",  "config-node",      "config-node-max",     "create-and-configure", "create-nodes",
    "delete-items",    "delete-nodes",     "filtered-notifications", "instant-nodes",     "item-ids",
    "last-published",  "meta-data",        "modify-affiliations", "multi-items",          "outcast-affiliation",
    "persistent-items", "presence-notifications", "presence-subscribe", "publish",        "publish-options",
    "purge-nodes",     "retract-items",    "retrieve-default",    "retrieve-items",       "member-affiliation",
};

/// XEP-0060 §6.1.3.9 and others: the request is one we do not serve.
void refuse_unsupported(IqRequest& request) {
  request.fail(pubsub::refuse_pubsub(Condition::feature_not_implemented, "unsupported").error());
}

void default_config(IqRequest& request) {
  auto result = request.make_result();
  pubsub::add_default_config_result(*result, pubsub::NodeConfig::pep().to_form(xmpp::DataForm::Type::form));
  request.reply(std::move(result));
}

struct Serve {
  IqRequest& request;

  void operator()(pubsub::Publish& wanted) { spawn(pep::publish(std::move(request), std::move(wanted)), "pep_publish"); }
  void operator()(pubsub::Retract& wanted) { spawn(pep::retract(std::move(request), std::move(wanted)), "pep_retract"); }
  void operator()(pubsub::GetItems& wanted) { spawn(pep::get_items(std::move(request), std::move(wanted)), "pep_items"); }
  void operator()(pubsub::Create& wanted) { spawn(pep::create_node(std::move(request), std::move(wanted)), "pep_create"); }
  void operator()(pubsub::GetConfig& wanted) { spawn(pep::get_config(std::move(request), std::move(wanted)), "pep_config"); }
  void operator()(pubsub::SetConfig& wanted) { spawn(pep::set_config(std::move(request), std::move(wanted)), "pep_config"); }
  void operator()(pubsub::GetDefaultConfig&) { default_config(request); }
  void operator()(pubsub::Delete& wanted) { spawn(pep::delete_node(std::move(request), std::move(wanted)), "pep_delete"); }
  void operator()(pubsub::Purge& wanted) { spawn(pep::purge(std::move(request), std::move(wanted)), "pep_purge"); }
  void operator()(pubsub::GetNodeAffiliations& wanted) {
    spawn(pep::get_affiliations(std::move(request), std::move(wanted)), "pep_affiliations");
  }
  void operator()(pubsub::SetNodeAffiliations& wanted) {
    spawn(pep::set_affiliations(std::move(request), std::move(wanted)), "pep_affiliations");
  }
  // Who listens is told by caps alone.
  template <typename Other>
  void operator()(Other&) { refuse_unsupported(request); }
};

void serve(IqRequest request) {
  const Home* home = request.home();
  if (home == nullptr) return request.fail(Condition::service_unavailable);
  const bool sees_presence = pep::viewer(*home, request.from()).sees_presence;
  auto wanted = pubsub::parse_request(request.stanza());
  const bool reads = wanted && std::holds_alternative<pubsub::GetItems>(*wanted);
  // REQUIREMENTS 16: a stranger may read open nodes; whatever else he asks sounds as if there were no account.
  if (!sees_presence && !reads) return request.fail(Condition::service_unavailable);
  if (!wanted) return request.fail(wanted.error());
  if (!request.is_own_account() && !reads) return request.fail(Condition::forbidden);
  std::visit(Serve{request}, *wanted);
}

}  // namespace

void install_pep(Node&, FeatureRegistry& registry) {
  for (const auto type : {"get", "set"}) {
    registry.on_iq(Scope::account, type, "pubsub", xmpp::ns::pubsub, serve);
    registry.on_iq(Scope::account, type, "pubsub", xmpp::ns::pubsub_owner, serve);
  }
  registry.identity(Scope::account, {.category = "pubsub", .type = "pep", .name = {}});
  registry.advertise(Scope::account, xmpp::ns::pubsub);
  for (const auto feature : features) registry.advertise(Scope::account, std::string(xmpp::ns::pubsub) + "#" + std::string(feature));
  registry.interests_gained.push_back([](Home& home, const xmpp::Jid& full, const Interests& nodes) {
    spawn(pep::send_last_items(home.node(), home.jid(), full, nodes), "pep_last_items");
  });
  registry.contact_subscribed.push_back([](Home& home, const xmpp::Jid& contact) {
    for (const auto& [full, interests] : interests_of(home, contact)) {
      spawn(pep::send_last_items(home.node(), home.jid(), full, *interests), "pep_last_items");
    }
  });
  registry.implements({.number = 163, .name = "Personal Eventing Protocol", .version = "1.2.2", .left_out = {}, .tests = "golden/pep"});
}

}  // namespace rookery::server
