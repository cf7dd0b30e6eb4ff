#include "server/features/invites/web.h"

#include <algorithm>

#include "server/features/invites/page.h"
#include "server/http/http_server.h"
#include "server/invites.h"
#include "server/net/address.h"
#include "server/node.h"
#include "server/rate_limit.h"
#include "server/sign_up.h"

namespace rookery::server::invites {

namespace {

constexpr std::string_view path = "/invite/";
constexpr size_t longest_token = 64, longest_form = 8192;
constexpr unsigned tries_per_hour = 30;  // of one network (network_of): names that are taken cost one each
constexpr size_t shortest_password = 8;

using Connection = std::shared_ptr<HttpConnection>;

/// The domain that the page of an invitation that nobody knows speaks of.
std::string named_domain(const Node& node, const HttpRequest& request) {
  const auto host = request.header("host");
  const std::string named(host.substr(0, host.rfind(':')));
  const auto& domains = node.config().domains;
  return std::ranges::find(domains, named) != domains.end() ? named : domains.front();
}

Page page_of(const Node& node, const storage::Invite& invite, const std::string& token) {
  return {.domain = invite.domain,
          .uri = invite_uri(invite, token),
          .invite = invite,
          .address = landing_url(node, invite, token),
          .form = {}};
}

/// What the form of the page sends: application/x-www-form-urlencoded.
struct Wish {
  std::string username, password, again;
};
Wish read_wish(std::string body) {
  std::ranges::replace(body, '+', ' ');  // a plus itself comes as %2B
  const auto value = [&](std::string_view name) { return query_value(body, name).value_or(std::string()); };
  return {.username = value("username"), .password = value("password"), .again = value("again")};
}

/// Empty when it can be tried.
std::string problem_of(const Wish& wish, const Result<xmpp::Jid>& account) {
  if (wish.username.empty() || !account || !account->has_local())
    return "That cannot be a name: no spaces, and none of @ / : \" & ' < >";
  if (wish.password.size() < shortest_password) return "The password is too short: at least eight characters.";
  if (wish.password != wish.again) return "The two passwords are not the same.";
  return {};
}

std::string reason_of(const Error& error) {
  switch (error.failure) {
    case Failure::conflict:
      return "Somebody has that name already. Choose another one.";
    case Failure::invalid:
      return "That password has characters that cannot be used.";
    default:
      return "It did not work just now. Try again in a minute.";
  }
}

Task<void> make_account(Node& node, Connection connection, std::string token, storage::Invite invite, Wish wish) {
  if (!invite.username.empty()) wish.username = invite.username;
  Page shown = page_of(node, invite, token);
  const auto refuse = [&](int status, std::string problem) {
    shown.form = {.username = wish.username, .problem = std::move(problem)};
    connection->respond(page(shown, status));
  };
  const auto account = xmpp::Jid::make(wish.username, invite.domain);
  if (std::string problem = problem_of(wish, account); !problem.empty()) co_return refuse(422, std::move(problem));
  auto signing_up = sign_up(node, {.account = *account, .password = std::move(wish.password), .invite = invite.id});
  const Status created = co_await signing_up;
  if (created) co_return connection->respond(welcome_page(account->text(), invite));
  if (created.error().failure == Failure::denied) co_return connection->respond(gone_page(invite.domain));
  refuse(created.error().failure == Failure::conflict ? 409 : 422, reason_of(created.error()));
}

/// Looks the invitation up, and shows the page of one that cannot be used.
void with_invite(Node& node, const Connection& connection, std::function<void(storage::Invite, std::string)> then) {
  const std::string token = connection->request().path.substr(path.size());
  const std::string domain = named_domain(node, connection->request());
  if (token.empty() || token.size() > longest_token) return connection->respond(gone_page(domain));
  node.stores().run([id = invite_id(token)](storage::Stores& stores) { return find_usable_invite(stores, id); },
                    [connection, token, domain, then = std::move(then)](Result<storage::Invite> invite) {
                      if (invite) return then(std::move(*invite), token);
                      if (invite.error().failure == Failure::not_found) return connection->respond(gone_page(domain));
                      connection->respond(HttpResponse::text(503, "Try again later."));
                    });
}

void accept(Node& node, RateLimit& tries, const Connection& connection) {
  if (!tries.take(network_of(connection->client_ip()), Clock::now()))
    return connection->respond(HttpResponse::text(429, "Too many tries. Come back in an hour."));
  connection->read_body(longest_form, [&node, connection](std::string body) {
    Wish wish = read_wish(std::move(body));
    with_invite(
        node, connection, [&node, connection, wish = std::move(wish)](storage::Invite invite, std::string token) {
          if (!invite.registers) return connection->respond(gone_page(invite.domain));
          spawn(make_account(node, connection, std::move(token), std::move(invite), wish), "invites.make_account");
        });
  });
}

}  // namespace

void serve_pages(Node& node) {
  const auto tries = std::make_shared<RateLimit>(tries_per_hour, std::chrono::hours(1));
  node.http().serve(std::string(path), [&node, tries](const Connection& connection) {
    const auto& method = connection->request().method;
    if (method == "POST") return accept(node, *tries, connection);
    if (method != "GET" && method != "HEAD") {
      return connection->respond(
          HttpResponse::text(405, "Only for reading, and for its form.").with("Allow", "GET, HEAD, POST"));
    }
    with_invite(node, connection, [&node, connection](const storage::Invite& invite, const std::string& token) {
      connection->respond(page(page_of(node, invite, token)));
    });
  });
}

}  // namespace rookery::server::invites
