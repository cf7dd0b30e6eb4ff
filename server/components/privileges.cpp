// XEP-0356: Privileged Entity.
#include <algorithm>

#include "crypto/random.h"
#include "server/cluster/cluster.h"
#include "server/components/rights.h"
#include "server/home/homes.h"
#include "server/home/message_rules.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::server {

namespace {

using xmpp::Condition;
constexpr auto patience = std::chrono::seconds(60);
constexpr size_t most_open = 10'000;
constexpr std::string_view id_prefix = "privileged-";

bool allows(std::string_view permission, std::string_view type) { return permission == "both" || permission == type; }

}  // namespace

void ComponentRights::begin() {
  for (const auto& domain : node_.config().domains) advertise(domain);
}

// XEP-0356 §3.2, §4.2, §5.2, §6.2; XEP-0355 §4.2
void ComponentRights::advertise(const std::string& domain) {
  const auto& config = component_.config();
  const auto message = [&] {
    auto made = xmpp::Element::make("message", xmpp::ns::client);
    made->set_attr("from", domain).set_attr("to", component_.domain()).set_attr("id", crypto::random_token());
    return made;
  };
  auto privileges = message();
  auto& privilege = privileges->add("privilege", xmpp::ns::privilege);
  if (config.roster != "none") {
    const bool push = config.roster_push && config.roster != "set";
    privilege.add("perm")
        .set_attr("access", "roster")
        .set_attr("type", config.roster)
        .set_attr("push", push ? "true" : "false");
  }
  if (config.message != "none") privilege.add("perm").set_attr("access", "message").set_attr("type", config.message);
  if (!config.iq.empty()) {
    auto& perm = privilege.add("perm").set_attr("access", "iq");
    for (const auto& [ns, type] : config.iq) perm.add("namespace").set_attr("ns", ns).set_attr("type", type);
  }
  if (config.presence != "none") privilege.add("perm").set_attr("access", "presence").set_attr("type", config.presence);
  if (privilege.first_element() != nullptr) component_.tell(std::move(privileges));
  if (config.delegated.empty()) return;
  auto delegations = message();
  auto& delegation = delegations->add("delegation", xmpp::ns::delegation);
  for (const auto& each : config.delegated) {
    auto& delegated = delegation.add("delegated").set_attr("namespace", each.ns);
    for (const auto& attribute : each.attributes) delegated.add("attribute").set_attr("name", attribute);
  }
  component_.tell(std::move(delegations));
}

// XEP-0356 §7 rule 1
void ComponentRights::send_online() {
  for (auto& loop : node_.loops()) {
    loop->post([this, &loop = *loop] {
      for (Home* home : node_.homes(loop).loaded()) {
        for (Session* session : home->sessions()) {
          if (!session->available || session->presence.empty()) continue;
          auto presence = xmpp::parse_document(session->presence, {}, xmpp::ns::client);
          if (!presence) continue;
          (*presence)->set_attr("to", component_.domain());
          component_.tell(std::move(*presence));
        }
      }
    });
  }
}

void ComponentRights::end() {
  for (auto& [id, open] : std::exchange(privileged_, {})) component_.loop().cancel(open.timeout);
  for (auto& [id, open] : std::exchange(delegated_, {})) {
    component_.loop().cancel(open.timeout);
    node_.router().bounce(open.request, {.condition = Condition::service_unavailable});
  }
}

void ComponentRights::refuse(const Envelope& envelope, Condition condition, std::string text) {
  component_.tell(xmpp::error_reply(*envelope.stanza, {.condition = condition, .text = std::move(text)}));
}

bool ComponentRights::take(Envelope& envelope) {
  if (!node_.router().is_local_domain(envelope.to.domain())) return false;
  const auto kind = envelope.stanza->name();
  if (kind == "message") return take_message(envelope);
  if (kind != "iq") return false;
  return take_delegated_answer(envelope) || take_privileged_iq(envelope) || take_roster_request(envelope);
}

// §4.3
bool ComponentRights::take_message(Envelope& envelope) {
  const auto* privilege = envelope.stanza->child("privilege", xmpp::ns::privilege);
  if (privilege == nullptr || envelope.stanza->attr("type") == "error") return false;
  const auto* forwarded = privilege->child("forwarded", xmpp::ns::forward);
  const auto* inner = forwarded != nullptr ? forwarded->child("message", xmpp::ns::client) : nullptr;
  if (component_.config().message != "outgoing") return refuse(envelope, Condition::forbidden), true;
  if (!envelope.to.is_domain() || inner == nullptr) return refuse(envelope, Condition::bad_request), true;
  const auto from = xmpp::Jid::parse(inner->attr("from"));
  if (!from || !from->is_bare() || from->domain() != envelope.to.domain()) {
    return refuse(envelope, Condition::forbidden, "from has to be a bare address of this server"), true;
  }
  if (!xmpp::Jid::parse(inner->attr("to"))) return refuse(envelope, Condition::jid_malformed), true;
  if (speaks_as_server(*inner)) return refuse(envelope, Condition::forbidden, "only a server says that"), true;
  auto message = inner->clone();
  message->set_attr("from", from->text());
  send_message(std::move(message), *from, std::move(envelope));
  return true;
}

void ComponentRights::send_message(xmpp::ElementPtr message, const xmpp::Jid& from, Envelope refused) {
  auto to = xmpp::Jid::parse(message->attr("to"));
  if (from.is_domain()) return node_.router().route({.from = from, .to = std::move(*to), .stanza = std::move(message)});
  if (node_.router().goes_elsewhere(from)) {
    std::string packet = cluster::encode(Envelope{.from = from, .to = std::move(*to), .stanza = std::move(message)});
    return if_exists(from, [this, from, packet = std::move(packet), refused = std::move(refused)](bool exists) mutable {
      if (!exists) return refuse(refused, Condition::forbidden, "there is no such account");
      node_.cluster()->port().send_to_shard(shard_of(from.text()), cluster::Topic::on_behalf, std::move(packet));
    });
  }
  Loop& owner = node_.router().owner(from.bare_text());
  owner.post(
      [this, &owner, from, to = std::move(*to), message = std::move(message), refused = std::move(refused)]() mutable {
        auto send = [this, to = std::move(to), message = std::move(message),
                     refused = std::move(refused)](Home* home) mutable {
          if (home == nullptr) return refuse(refused, Condition::forbidden, "there is no such account");
          home->message_on_behalf(std::move(message), std::move(to));
        };
        node_.homes(owner).with_home(from, std::move(send));
      });
}

void ComponentRights::if_exists(const xmpp::Jid& account, std::move_only_function<void(bool)> then) {
  node_.stores().read([account](storage::Stores& stores) { return stores.accounts().exists(account); },
                      // Where the store does not answer, the account's home will say what is to be said.
                      [then = std::move(then)](Result<bool> exists) mutable { then(!exists || *exists); });
}

// §3.3
bool ComponentRights::take_roster_request(Envelope& envelope) {
  const auto* payload = envelope.stanza->first_element();
  const auto type = envelope.stanza->attr("type");
  if (payload == nullptr || !payload->is("query", xmpp::ns::roster) || !envelope.to.has_local() ||
      !envelope.to.is_bare())
    return false;
  if (!allows(component_.config().roster, type)) return false;  // then it is a stranger's request
  auto inner = envelope.stanza->clone();
  ask(envelope, std::move(inner), envelope.to, false);
  return true;
}

/// §5.3: why the server must refuse it.
std::string ComponentRights::fault_of(const Envelope& envelope, const xmpp::Element& inner) const {
  const auto type = envelope.stanza->attr("type");
  if (!envelope.to.has_local() || !envelope.to.is_bare()) return "it has to be sent to an account";
  if (!inner.is("iq", xmpp::ns::client)) return "the request has to be in jabber:client";
  if (inner.attr("type") != type) return "both types have to be the same";
  if (inner.has_attr("from")) {
    const auto from = xmpp::Jid::parse(inner.attr("from"));
    if (!from || *from != envelope.to) return "from has to be the account";
  }
  const auto* payload = inner.first_element();
  if (payload == nullptr) return "there is nothing in it";
  const auto& granted = component_.config().iq;
  const bool may = std::ranges::any_of(
      granted, [&](const auto& each) { return each.first == payload->ns() && allows(each.second, type); });
  return may ? "" : "not for this namespace";
}

bool ComponentRights::take_privileged_iq(Envelope& envelope) {
  const auto* wrapper = envelope.stanza->child("privileged_iq", xmpp::ns::privilege);
  const auto type = envelope.stanza->attr("type");
  if (wrapper == nullptr || (type != "get" && type != "set")) return false;
  const auto* inner = wrapper->first_element();
  if (inner == nullptr) return refuse(envelope, Condition::bad_request), true;
  if (auto fault = fault_of(envelope, *inner); !fault.empty())
    return refuse(envelope, Condition::forbidden, std::move(fault)), true;
  auto to = inner->has_attr("to") ? xmpp::Jid::parse(inner->attr("to")) : Result<xmpp::Jid>(envelope.to);
  if (!to) return refuse(envelope, Condition::jid_malformed), true;
  ask(envelope, inner->clone(), *to, true);
  return true;
}

void ComponentRights::ask(Envelope& envelope, xmpp::ElementPtr inner, const xmpp::Jid& to, bool wrapped) {
  if (privileged_.size() >= most_open) return refuse(envelope, Condition::resource_constraint);
  // The answer comes to the account: 128 bits of ours tell it from any other.
  std::string id = new_id(id_prefix);
  inner->set_attr("id", id).set_attr("from", envelope.to.text()).set_attr("to", to.text());
  const auto timeout = component_.loop().after(patience, [this, id] {
    auto open = privileged_.extract(id);
    if (!open.empty())
      component_.tell(xmpp::error_reply(*open.mapped().request, {.condition = Condition::remote_server_timeout}));
  });
  const xmpp::Jid from = envelope.to;
  std::string copy_of_id = id;
  privileged_.emplace(std::move(id), Privileged{std::move(envelope.stanza), to.text(), wrapped, timeout});
  send_request({.from = from, .to = to, .stanza = std::move(inner)}, std::move(copy_of_id));
}

/// The answer comes to the account, so there has to be one.
void ComponentRights::send_request(Envelope request, std::string id) {
  if (node_.router().goes_elsewhere(request.from)) {
    const xmpp::Jid account = request.from;
    return if_exists(account, [this, id = std::move(id), request = std::move(request)](bool exists) mutable {
      exists ? node_.router().route(std::move(request)) : no_such_account(id);
    });
  }
  Loop& owner = node_.router().owner(request.from.bare_text());
  owner.post([this, &owner, id = std::move(id), request = std::move(request)]() mutable {
    const xmpp::Jid account = request.from;
    auto send = [this, id = std::move(id), request = std::move(request)](Home* home) mutable {
      if (home != nullptr) return node_.router().route(std::move(request));
      component_.loop().post([this, id = std::move(id)] { no_such_account(id); });
    };
    node_.homes(owner).with_home(account, std::move(send));
  });
}

void ComponentRights::no_such_account(const std::string& id) {
  const auto open = privileged_.extract(id);
  if (open.empty()) return;
  component_.loop().cancel(open.mapped().timeout);
  component_.tell(xmpp::error_reply(*open.mapped().request,
                                    {.condition = Condition::forbidden, .text = "there is no such account"}));
}

bool ComponentRights::on_response(const Envelope& answer) {
  const auto id = answer.stanza->attr("id");
  if (!id.starts_with(id_prefix) || sent_to_asker(answer)) return false;
  component_.loop().post([this, id = std::string(id), from = answer.from.text(),
                          copy = answer.stanza->clone()]() mutable { answered(id, from, std::move(copy)); });
  return false;  // another component's may it be; nobody else knows such an id
}

void ComponentRights::answered(const std::string& id, const std::string& from, xmpp::ElementPtr answer) {
  const auto open = privileged_.find(id);
  if (open == privileged_.end() || open->second.asked != from) return;  // only whom we asked
  component_.loop().cancel(open->second.timeout);
  const Privileged asked = std::move(privileged_.extract(open).mapped());
  const xmpp::Element& request = *asked.request;
  if (!asked.wrapped) {
    answer->set_attr("id", request.attr("id"))
        .set_attr("from", request.attr("to"))
        .set_attr("to", request.attr("from"));
    return component_.tell(std::move(answer));
  }
  const auto* inner = request.child("privileged_iq", xmpp::ns::privilege)->first_element();
  answer->set_attr("id", inner->attr("id"));
  auto result = xmpp::result_reply(request);
  result->add("privilege", xmpp::ns::privilege).add("forwarded", xmpp::ns::forward).add_copy(*answer);
  component_.tell(std::move(result));
}

}  // namespace rookery::server
