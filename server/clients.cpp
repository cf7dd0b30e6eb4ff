#include "server/clients.h"

#include <chrono>

#include "crypto/hash.h"
#include "crypto/random.h"

namespace rookery::server {

namespace {

using namespace std::chrono_literals;

constexpr auto seen_again_after = 1h;       // a login sooner than that is not worth a write
constexpr auto forgotten_after = 24h * 90;  // without a login, and without a token that is still good
constexpr size_t most_clients = 100;        // of one account

xmpp::TimePoint now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

std::string hash_of(const xmpp::UserAgent& agent) {
  return crypto::hex_encode(crypto::digest(crypto::Hash::sha256, agent.id));
}

bool is_alive(const std::optional<xmpp::FastToken>& token, xmpp::TimePoint at) { return token && token->expires > at; }

/// XEP-0494 §7: nothing is kept for longer than it is of use.
Status forget_old_ones(storage::Stores& stores, const xmpp::Jid& account, xmpp::TimePoint at) {
  const auto clients = stores.clients().list(account);
  if (!clients) return std::unexpected<Error>(clients.error());
  size_t kept = 0;
  for (const auto& client : *clients) {
    const bool is_used = is_alive(client.tokens.current, at) || is_alive(client.tokens.fresh, at) ||
                         at - client.last_seen < forgotten_after;
    if (is_used && ++kept < most_clients) continue;
    if (const Status removed = stores.clients().remove(account, client.id); !removed) return removed;
  }
  return {};
}

/// Takes over what the client says of itself; true: something worth writing has changed.
bool update(storage::Client& client, const xmpp::UserAgent& agent, xmpp::TimePoint at) {
  const bool changed =
      client.software != agent.software || client.device != agent.device || at - client.last_seen > seen_again_after;
  client.software = agent.software;
  client.device = agent.device;
  client.last_seen = at;
  return changed;
}

}  // namespace

Result<LoginRecord> record_password_login(storage::Stores& stores, const xmpp::Jid& account,
                                          const xmpp::UserAgent& agent, std::string_view token_wish,
                                          const xmpp::FastPolicy& policy) {
  if (agent.id.empty()) return LoginRecord{};  // §4.1: no token for a client that cannot be told from others
  const auto at = now();
  auto known = stores.clients().find(account, hash_of(agent));
  if (!known) return std::unexpected<Error>(known.error());
  if (!*known) {
    if (const Status forgotten = forget_old_ones(stores, account, at); !forgotten)
      return std::unexpected<Error>(forgotten.error());
  }
  storage::Client client = known->value_or(storage::Client{.agent = hash_of(agent),
                                                           .id = crypto::random_token(),
                                                           .software = {},
                                                           .device = {},
                                                           .first_seen = at,
                                                           .last_seen = {},
                                                           .knows_password = false,
                                                           .tokens = {}});
  bool changed = update(client, agent, at) || !client.knows_password;
  client.knows_password = true;
  LoginRecord record{.client = client.id, .token = {}};
  if (!token_wish.empty()) {
    record.token = issue_fast_token(client.tokens, token_wish, at, policy);
    changed = true;
  }
  if (!changed) return record;
  if (const Status stored = stores.clients().put(account, client); !stored)
    return std::unexpected<Error>(stored.error());
  return record;
}

Result<FastLogin> fast_login(storage::Stores& stores, const FastRequest& request, const xmpp::FastPolicy& policy) {
  FastLogin login;
  const auto at = now();
  const auto account = stores.accounts().find(request.account);
  if (!account && account.error().failure != Failure::not_found) return std::unexpected<Error>(account.error());
  auto found = stores.clients().find(request.account, hash_of(request.agent));
  if (!found) return std::unexpected<Error>(found.error());
  // REQUIREMENTS 11: an account or a client that does not exist takes the same way.
  storage::Client client = found->value_or(storage::Client{});
  const storage::Client before = client;
  const xmpp::FastAttempt attempt{.mechanism = request.mechanism,
                                  .proof = request.proof,
                                  .binding_data = request.binding_data,
                                  .count = request.fast.count};
  auto outcome = use_fast_token(client.tokens, attempt, at, policy);
  login.verdict = outcome.verdict;
  if (!account || account->disabled) login.verdict = xmpp::FastVerdict::refused;
  if (login.verdict != xmpp::FastVerdict::accepted) return login;
  login.answer = std::move(outcome.answer);
  login.record.client = client.id;
  bool changed = update(client, request.agent, at) || client.tokens != before.tokens;
  if (request.fast.invalidate) {
    // §3.6: it is worth nothing from now on; nor is one that was sent to this client and not used yet.
    client.tokens.clear();
    changed = true;
  }
  const bool rotates = outcome.is_due_for_rotation && !request.fast.invalidate;
  if (rotates || !request.token_wish.empty()) {
    const std::string mechanism = request.token_wish.empty() ? request.mechanism : request.token_wish;
    login.record.token = issue_fast_token(client.tokens, mechanism, at, policy);
    changed = true;
  }
  if (!changed) return login;
  if (const Status stored = stores.clients().put(request.account, client); !stored)
    return std::unexpected<Error>(stored.error());
  return login;
}

}  // namespace rookery::server
