#include "server/feature.h"

#include <algorithm>

#include "server/node.h"

namespace rookery::server {

IqRequest::IqRequest(Node& node, xmpp::ElementPtr stanza, xmpp::Jid from, xmpp::Jid to)
    : node_(node), stanza_(std::move(stanza)), from_(std::move(from)), to_(std::move(to)) {}

Home* IqRequest::home() const { return to_.has_local() ? node_.homes().find_loaded(to_) : nullptr; }

Session* IqRequest::session() const {
  Home* owner = home();
  if (owner == nullptr || !is_own_account()) return nullptr;
  return owner->find(from_.resource());
}

xmpp::ElementPtr IqRequest::make_result() const { return xmpp::result_reply(*stanza_); }

void IqRequest::reply(xmpp::ElementPtr iq) {
  if (Session* asking = session()) return asking->send(*iq);
  node_.router().send(std::move(iq));
}

void IqRequest::fail(const xmpp::StanzaError& error) { reply(xmpp::error_reply(*stanza_, error)); }

void IqRequest::fail(xmpp::Condition condition, std::string text) {
  fail(xmpp::StanzaError{.condition = condition, .text = std::move(text)});
}

void IqRequest::fail(const Error& error) { fail(condition_of(error)); }

xmpp::Condition condition_of(const Error& error) {
  switch (error.failure) {
    case Failure::not_found:
      return xmpp::Condition::item_not_found;
    case Failure::conflict:
      return xmpp::Condition::conflict;
    case Failure::invalid:
      return xmpp::Condition::bad_request;
    case Failure::denied:
      return xmpp::Condition::forbidden;
    case Failure::full:
      return xmpp::Condition::resource_constraint;
    case Failure::fenced:
    case Failure::io:
    case Failure::unavailable:
      break;
  }
  return xmpp::Condition::internal_server_error;
}

void IqTable::on_iq(std::string_view type, std::string_view name, std::string_view ns, IqHandler handler) {
  ensure(find(type, name, ns) == nullptr);
  handlers_.push_back({std::string(type), std::string(name), std::string(ns), std::move(handler)});
}

void IqTable::advertise(std::string_view feature) {
  if (std::ranges::find(features_, feature) == features_.end()) features_.emplace_back(feature);
}

void FeatureRegistry::on_bind(std::string_view feature, BindHandler handler) {
  ensure(std::ranges::find(bind_handlers_, feature, &BindEntry::feature) == bind_handlers_.end());
  bind_handlers_.push_back({std::string(feature), std::move(handler)});
}

void IqTable::identity(Identity identity) { identities_.push_back(std::move(identity)); }

const IqHandler* IqTable::find(std::string_view type, std::string_view name, std::string_view ns) const {
  for (const auto& entry : handlers_) {
    if (entry.name == name && entry.ns == ns && entry.type == type) return &entry.handler;
  }
  return nullptr;
}

void FeatureRegistry::command(Command command) {
  ensure(find_command(command.node) == nullptr && command.may_run && command.run);
  commands_.push_back(std::make_unique<Command>(std::move(command)));
}

const Command* FeatureRegistry::find_command(std::string_view node) const {
  for (const auto& command : commands_) {
    if (command->node == node) return command.get();
  }
  return nullptr;
}

void FeatureRegistry::host(Service service) {
  ensure(this->service(service.domain) == nullptr && service.receive);
  services_.push_back(std::make_unique<Service>(std::move(service)));
}

const Service* FeatureRegistry::service(std::string_view domain) const {
  for (const auto& service : services_) {
    if (service->domain == domain) return service.get();
  }
  return nullptr;
}

}  // namespace rookery::server
