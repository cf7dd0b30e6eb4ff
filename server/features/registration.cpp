// XEP-0077: In-Band Registration: creating an account before authentication; afterwards its password and its end.
#include "server/accounts.h"
#include "server/features/features.h"
#include "server/node.h"
#include "server/task.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

/// An account is its own business and of its own server; everyone else is refused.
bool is_allowed(const IqRequest& request) {
  if (!request.from().has_local()) return false;
  return request.to().has_local() ? request.is_own_account() : request.to().domain() == request.from().domain();
}

void get_registration(IqRequest request) {
  if (!is_allowed(request)) return request.fail(xmpp::Condition::service_unavailable);
  auto result = request.make_result();
  auto& query = result->add("query", xmpp::ns::registration);
  query.add("registered");
  query.add_text_child("username", request.from().local());
  query.add("password");
  request.reply(std::move(result));
}

/// §3.2: deletes the account, its archive and its sessions; the one that asked gets its answer first.
void cancel(IqRequest request) {
  auto remove = [account = request.from().bare()](storage::Stores& stores) { return stores.accounts().remove(account); };
  request.node().stores().run(std::move(remove), [request = std::move(request)](Status removed) mutable {
    if (!removed) return request.fail(removed.error());
    request.reply();
    const auto account = request.from().bare();
    Homes& homes = request.node().homes();
    homes.forget(account);
    homes.batch().purged.push_back(account.text());
  });
}

Task<void> change(IqRequest request, std::string password) {
  auto derive = [password = std::move(password), iterations = request.node().config().scram_iterations] {
    return derive_keys(password, iterations);
  };
  auto derivation = request.node().derivations().try_run(std::move(derive));
  const auto keys = co_await derivation;
  if (!keys) co_return request.fail(keys.error());
  auto store = [account = request.from().bare(), keys = *keys](storage::Stores& stores) { return change_password(stores, account, keys); };
  auto storing = request.node().stores().run(std::move(store));
  const Status changed = co_await storing;
  if (!changed) co_return request.fail(changed.error());
  request.reply();
}

void set_registration(IqRequest request) {
  if (!is_allowed(request)) return request.fail(xmpp::Condition::service_unavailable);
  const auto& query = request.payload();
  if (query.child("remove", xmpp::ns::registration) != nullptr) {
    // §3.2: nothing but <remove/>
    if (query.first_element()->next_element() != nullptr) return request.fail(xmpp::Condition::bad_request);
    return cancel(std::move(request));
  }
  const auto username = xmpp::prepare_username(query.child_text("username", xmpp::ns::registration));
  auto password = query.child_text("password", xmpp::ns::registration);
  if (!username || password.empty()) return request.fail(xmpp::Condition::bad_request);
  if (*username != request.from().local()) return request.fail(xmpp::Condition::not_allowed, "an account changes its own password only");
  spawn(change(std::move(request), std::move(password)), "registration.change");
}

xmpp::ElementPtr registration_form(const xmpp::Element& iq) {
  auto result = xmpp::result_reply(iq);
  auto& query = result->add("query", xmpp::ns::registration);
  query.add_text_child("instructions", "Choose a user name and a password.");
  query.add("username");
  query.add("password");
  return result;
}

xmpp::Condition to_condition(const Error& error) {
  switch (error.failure) {
    case Failure::conflict: return xmpp::Condition::conflict;
    case Failure::invalid: return xmpp::Condition::not_acceptable;
    case Failure::full: return xmpp::Condition::resource_constraint;
    default: return xmpp::Condition::internal_server_error;
  }
}

/// XEP-0489 §3: nobody but the user has vouched for it.
Status create(storage::Stores& stores, const xmpp::Jid& account, const std::vector<crypto::ScramKeys>& keys) {
  if (Status created = create_account(stores, account, keys); !created) return created;
  return stores.values().put(account, "origin", "", "registered");
}

using Reply = std::move_only_function<void(xmpp::ElementPtr)>;

Task<void> create(Node& node, xmpp::ElementPtr iq, xmpp::Jid account, std::string password, Reply reply) {
  const auto refuse = [&](const Error& error) { reply(xmpp::error_reply(*iq, {.condition = to_condition(error)})); };
  // Before the keys: a taken name costs nothing.
  auto look = [account](storage::Stores& stores) -> Status {
    const auto taken = stores.accounts().exists(account);
    if (!taken) return std::unexpected<Error>(taken.error());
    return *taken ? Status(fail(Failure::conflict, "the account exists already")) : Status();
  };
  auto looking = node.stores().run(std::move(look));
  const Status is_free = co_await looking;
  if (!is_free) co_return refuse(is_free.error());
  auto derive = [password = std::move(password), iterations = node.config().scram_iterations] { return derive_keys(password, iterations); };
  auto derivation = node.derivations().try_run(std::move(derive));
  const auto keys = co_await derivation;
  if (!keys) co_return refuse(keys.error());
  auto store = [account, keys = *keys](storage::Stores& stores) { return create(stores, account, keys); };
  auto storing = node.stores().run(std::move(store));
  const Status created = co_await storing;
  if (!created) co_return refuse(created.error());
  reply(xmpp::result_reply(*iq));
}

}  // namespace

void register_before_auth(Node& node, xmpp::ElementPtr iq, const Stranger& stranger, Reply reply) {
  const auto* query = iq->child("query", xmpp::ns::registration);
  const auto type = iq->attr("type");
  const auto refuse = [&](xmpp::Condition condition) { reply(xmpp::error_reply(*iq, {.condition = condition})); };
  // RFC 6120 §8.2.3 wants an answer to get and set only; before authentication nothing else is allowed at all.
  if (query == nullptr || (type != "get" && type != "set")) return refuse(xmpp::Condition::not_authorized);
  if (type == "get") return reply(registration_form(*iq));
  if (query->child("remove", xmpp::ns::registration) != nullptr) return refuse(xmpp::Condition::registration_required);
  const auto username = query->child_text("username", xmpp::ns::registration);
  auto password = query->child_text("password", xmpp::ns::registration);
  // XEP-0077 §3.1: incomplete, or not a name
  const auto account = xmpp::Jid::make(username, stranger.domain);
  if (username.empty() || password.empty() || !account) return refuse(xmpp::Condition::not_acceptable);
  // REQUIREMENTS 28. Each try counts, also one that finds a name taken: else names could be tried without end.
  if (!node.may_register(stranger.ip)) {
    return reply(xmpp::error_reply(*iq, {.condition = xmpp::Condition::resource_constraint, .text = "Too many registrations, try later"}));
  }
  spawn(create(node, std::move(iq), *account, std::move(password), std::move(reply)), "registration.create");
}

void install_registration(Node&, FeatureRegistry& registry) {
  // Clients ask the server, or leave out `to` and so ask their account.
  for (const Scope scope : {Scope::server, Scope::account}) {
    registry.on_iq(scope, "get", "query", xmpp::ns::registration, get_registration);
    registry.on_iq(scope, "set", "query", xmpp::ns::registration, set_registration);
  }
  registry.advertise(Scope::server, xmpp::ns::registration);
  registry.implements({.number = 77, .name = "In-Band Registration", .version = "2.4", .left_out = {}, .tests = "golden/stream/registration_is_off.scs"});
}

}  // namespace rookery::server
