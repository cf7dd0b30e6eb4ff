// XEP-0077: In-Band Registration: creating an account before authentication; afterwards its password and its end.
#include "server/accounts.h"
#include "server/admin/account_tasks.h"
#include "server/features/features.h"
#include "server/invites.h"
#include "server/node.h"
#include "server/sign_up.h"
#include "server/task.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

constexpr unsigned most_invited_tries = 8;  // of one stream

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

/// §3.2: the one that asked gets its answer before its session ends.
Task<void> cancel(IqRequest request) {
  auto deleting = delete_account(request.node(), request.from().bare());
  const Status deleted = co_await deleting;
  deleted ? request.reply() : request.fail(deleted.error());
}

Task<void> change(IqRequest request, std::string password) {
  auto derive = [password = std::move(password), iterations = request.node().config().scram_iterations] {
    return derive_keys(password, iterations);
  };
  auto derivation = request.node().derivations().try_run(std::move(derive));
  const auto keys = co_await derivation;
  if (!keys) co_return request.fail(keys.error());
  auto store = [account = request.from().bare(), keys = *keys](storage::Stores& stores) {
    return change_password(stores, account, keys);
  };
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
    return spawn(cancel(std::move(request)), "registration.cancel");
  }
  const auto username = xmpp::prepare_username(query.child_text("username", xmpp::ns::registration));
  auto password = query.child_text("password", xmpp::ns::registration);
  if (!username || password.empty()) return request.fail(xmpp::Condition::bad_request);
  if (*username != request.from().local())
    return request.fail(xmpp::Condition::not_allowed, "an account changes its own password only");
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
    case Failure::conflict:
      return xmpp::Condition::conflict;
    case Failure::invalid:
      return xmpp::Condition::not_acceptable;
    case Failure::full:
      return xmpp::Condition::resource_constraint;
    case Failure::denied:
      return xmpp::Condition::not_allowed;
    default:
      return xmpp::Condition::internal_server_error;
  }
}

using Reply = std::move_only_function<void(xmpp::ElementPtr)>;

Task<void> create(Node& node, xmpp::ElementPtr iq, std::shared_ptr<Stranger> stranger, xmpp::Jid account,
                  std::string password, Reply reply) {
  auto signing_up =
      sign_up(node, {.account = std::move(account), .password = std::move(password), .invite = stranger->invite});
  const Status created = co_await signing_up;
  if (!created) co_return reply(xmpp::error_reply(*iq, {.condition = to_condition(created.error())}));
  stranger->invite.clear();
  reply(xmpp::result_reply(*iq));
}

/// XEP-0445 §4: the invitation is looked at now, and used up by the registration that follows.
void show_invite(Node& node, xmpp::ElementPtr iq, std::shared_ptr<Stranger> stranger, Reply reply) {
  const std::string id = invite_id(iq->child("preauth", xmpp::ns::pars)->attr("token"));
  node.stores().run(
      [id](storage::Stores& stores) { return find_usable_invite(stores, id); },
      [iq = std::move(iq), stranger = std::move(stranger),
       reply = std::move(reply)](Result<storage::Invite> invite) mutable {
        const bool is_good = invite && invite->registers && invite->domain == stranger->domain;
        if (is_good) {
          stranger->invite = invite->id;
          stranger->tries = 0;
          return reply(xmpp::result_reply(*iq));
        }
        const bool is_known = invite || invite.error().failure == Failure::not_found;
        const auto condition = is_known ? xmpp::Condition::item_not_found : xmpp::Condition::internal_server_error;
        reply(xmpp::error_reply(
            *iq, {.condition = condition, .text = is_known ? "The provided token is invalid or expired" : ""}));
      });
}

}  // namespace

void register_before_auth(Node& node, xmpp::ElementPtr iq, std::shared_ptr<Stranger> stranger, Reply reply) {
  const auto* query = iq->child("query", xmpp::ns::registration);
  const auto type = iq->attr("type");
  const auto refuse = [&](xmpp::Condition condition) { reply(xmpp::error_reply(*iq, {.condition = condition})); };
  if (type == "set" && iq->child("preauth", xmpp::ns::pars) != nullptr && node.config().invites != "nobody") {
    return show_invite(node, std::move(iq), std::move(stranger), std::move(reply));
  }
  // RFC 6120 §8.2.3 wants an answer to get and set only; before authentication nothing else is allowed at all.
  if (query == nullptr || (type != "get" && type != "set")) return refuse(xmpp::Condition::not_authorized);
  // REQUIREMENTS 28
  if (!node.config().registration && stranger->invite.empty()) {
    return reply(xmpp::error_reply(
        *iq, {.condition = xmpp::Condition::not_allowed, .text = "Registration is by invitation only"}));
  }
  if (type == "get") return reply(registration_form(*iq));
  if (query->child("remove", xmpp::ns::registration) != nullptr) return refuse(xmpp::Condition::registration_required);
  const auto username = query->child_text("username", xmpp::ns::registration);
  auto password = query->child_text("password", xmpp::ns::registration);
  // XEP-0077 §3.1: incomplete, or not a name
  const auto account = xmpp::Jid::make(username, stranger->domain);
  if (username.empty() || password.empty() || !account) return refuse(xmpp::Condition::not_acceptable);
  // REQUIREMENTS 28. Each try counts, also one that finds a name taken: else names could be tried without end. Who is
  // invited need not share the limits of those who are not.
  const bool may_try =
      stranger->invite.empty() ? node.may_register(stranger->ip) : ++stranger->tries <= most_invited_tries;
  if (!may_try) {
    return reply(xmpp::error_reply(
        *iq, {.condition = xmpp::Condition::resource_constraint, .text = "Too many registrations, try later"}));
  }
  spawn(create(node, std::move(iq), std::move(stranger), *account, std::move(password), std::move(reply)),
        "registration.create");
}

void install_registration(Node&, FeatureRegistry& registry) {
  // Clients ask the server, or leave out `to` and so ask their account.
  for (const Scope scope : {Scope::server, Scope::account}) {
    registry.on_iq(scope, "get", "query", xmpp::ns::registration, get_registration);
    registry.on_iq(scope, "set", "query", xmpp::ns::registration, set_registration);
  }
  registry.advertise(Scope::server, xmpp::ns::registration);
  registry.implements(
      {.number = 77,
       .name = "In-Band Registration",
       .version = "2.4",
       .left_out = {},
       .tests = "golden/stream/registration_is_off.scs, golden/stream/registration.scs, golden/registration, "
                "golden/invites"});
  registry.implements({.number = 445,
                       .name = "Pre-Authenticated In-Band Registration",
                       .version = "0.2.0",
                       .left_out = {},
                       .tests = "golden/invites/register.scs, integration/admin/invites_test.py"});
}

}  // namespace rookery::server
