// XEP-0494: Client Access Management: which programs have access to the account, and taking it from one.
#include <algorithm>

#include "server/access.h"
#include "server/features/features.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/time.h"

namespace rookery::server {

namespace {

constexpr std::string_view unnamed_prefix = "session:";  // of sessions whose client never said which installation it is

std::string unnamed_id(const Session& session) {
  return std::string(unnamed_prefix) + std::to_string(session.serial());
}

xmpp::TimePoint now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

void add_time(xmpp::Element& parent, std::string_view name, xmpp::TimePoint time) {
  parent.add_text_child(name, xmpp::format_date_time(std::chrono::floor<std::chrono::seconds>(time)));
}

void add_client(xmpp::Element& list, const storage::Client& client, bool connected) {
  const auto is_active = [](const std::optional<xmpp::FastToken>& token) { return token && token->expires > now(); };
  auto& entry = list.add("client");
  entry.set_attr("id", client.id).set_attr("connected", connected ? "true" : "false").set_attr("type", "session");
  add_time(entry, "first-seen", client.first_seen);
  add_time(entry, "last-seen", client.last_seen);
  auto& auth = entry.add("auth");
  if (client.knows_password) auth.add("password");
  if (is_active(client.tokens.current) || is_active(client.tokens.fresh)) auth.add("fast");
  entry.add("permission").set_attr("status", "unrestricted");
  if (client.software.empty() && client.device.empty()) return;
  auto& agent = entry.add("user-agent");
  if (!client.software.empty()) agent.add_text_child("software", client.software);
  if (!client.device.empty()) agent.add_text_child("device", client.device);
}

/// §7: the list is complete: sessions of clients that said nothing of themselves are in it too.
void add_unnamed(xmpp::Element& list, const Session& session) {
  auto& entry = list.add("client");
  entry.set_attr("id", unnamed_id(session)).set_attr("connected", "true").set_attr("type", "session");
  add_time(entry, "first-seen", session.bound_at);
  add_time(entry, "last-seen", now());
  entry.add("auth").add("password");
  entry.add("permission").set_attr("status", "unrestricted");
}

void list_clients(IqRequest request) {
  if (refused_to_others(request)) return;
  auto read = [owner = request.to()](storage::Stores& stores) { return stores.clients().list(owner); };
  request.node().stores().run(
      std::move(read), [request = std::move(request)](Result<std::vector<storage::Client>> clients) mutable {
        if (!clients) return request.fail(clients.error());
        Home* home = request.home();
        const auto sessions = home != nullptr ? home->sessions() : std::vector<Session*>();
        auto result = request.make_result();
        auto& list = result->add("clients", xmpp::ns::client_access);
        for (const auto& client : *clients) {
          const bool connected =
              std::ranges::any_of(sessions, [&](const Session* session) { return session->client == client.id; });
          add_client(list, client, connected);
        }
        for (const Session* session : sessions) {
          if (session->client.empty()) add_unnamed(list, *session);
        }
        request.reply(std::move(result));
      });
}

enum class Revoked { done, needs_new_password };

/// §4.2: whoever has proven the password that is valid now can come back at any time.
Result<Revoked> revoke(storage::Stores& stores, const xmpp::Jid& account, const std::string& id) {
  const auto clients = stores.clients().list(account);
  if (!clients) return std::unexpected<Error>(clients.error());
  const auto found = std::ranges::find(*clients, id, &storage::Client::id);
  if (found == clients->end()) return fail(Failure::not_found, "there is no such client");
  if (found->knows_password) return Revoked::needs_new_password;
  if (const Status removed = stores.clients().remove(account, id); !removed)
    return std::unexpected<Error>(removed.error());
  return Revoked::done;
}

void fail_for_password(IqRequest& request) {
  request.fail(xmpp::StanzaError{.condition = xmpp::Condition::service_unavailable,
                                 .text = "This client knows the password: change it, then revoke",
                                 .application_name = "password-reset-required",
                                 .application_ns = std::string(xmpp::ns::client_access)});
}

void end_sessions(IqRequest& request, const std::string& client) {
  Home* home = request.home();
  if (home == nullptr) return;
  for (Session* session : home->sessions()) {
    if (session->client == client)
      session->end({.condition = xmpp::StreamCondition::not_authorized, .text = "Access was revoked"});
  }
}

void revoke_client(IqRequest request) {
  if (refused_to_others(request)) return;
  const std::string id(request.payload().attr("id"));
  if (id.empty()) return request.fail(xmpp::Condition::bad_request);
  if (id.starts_with(unnamed_prefix)) {
    const auto sessions = request.home()->sessions();
    const bool known = std::ranges::any_of(
        sessions, [&](const Session* session) { return session->client.empty() && unnamed_id(*session) == id; });
    return known ? fail_for_password(request) : request.fail(xmpp::Condition::item_not_found);
  }
  auto work = [owner = request.to(), id](storage::Stores& stores) { return revoke(stores, owner, id); };
  request.node().stores().run(std::move(work), [request = std::move(request), id](Result<Revoked> revoked) mutable {
    if (!revoked) return request.fail(revoked.error());
    if (*revoked == Revoked::needs_new_password) return fail_for_password(request);
    request.reply();  // first: the client may be the one that asks
    end_sessions(request, id);
  });
}

}  // namespace

void install_client_access(Node&, FeatureRegistry& registry) {
  registry.on_iq(Scope::account, "get", "list", xmpp::ns::client_access, list_clients);
  registry.on_iq(Scope::account, "set", "revoke", xmpp::ns::client_access, revoke_client);
  registry.advertise(Scope::account, xmpp::ns::client_access);
  registry.implements({.number = 494,
                       .name = "Client Access Management",
                       .version = "0.1.0",
                       .left_out = "grants (OAuth), permissions other than full ones",
                       .tests = "golden/sasl2/devices.scs"});
}

}  // namespace rookery::server
