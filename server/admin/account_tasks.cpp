#include "server/admin/account_tasks.h"

#include <algorithm>

#include "server/accounts.h"
#include "server/node.h"
#include "server/on_loop.h"

namespace rookery::server {

namespace {

Task<Result<std::vector<crypto::ScramKeys>>> derive(Node& node, std::string password) {
  auto work = [password = std::move(password), iterations = node.config().scram_iterations] {
    return derive_keys(password, iterations);
  };
  auto derivation = node.derivations().try_run(std::move(work));
  auto keys = co_await derivation;
  co_return keys;
}

/// What is in `<show/>` of a presence that the server has serialised.
bool is_away(const std::string& presence) {
  return presence.find("<show>away</show>") != std::string::npos ||
         presence.find("<show>xa</show>") != std::string::npos;
}

std::vector<OnlineUser> online_here(Homes& homes, const std::string& domain) {
  std::vector<OnlineUser> users;
  for (Home* home : homes.loaded()) {
    if (home->jid().domain() != domain) continue;
    OnlineUser user{.account = home->jid(), .resources = {}, .addresses = {}, .is_idle = true};
    bool is_online = false;
    for (Session* session : home->sessions()) {
      user.resources.emplace_back(session->jid().resource());
      user.addresses.push_back(session->link() != nullptr ? session->link()->peer_address() : "");
      if (!session->available) continue;
      is_online = true;
      user.is_idle = user.is_idle && is_away(session->presence);
    }
    if (is_online) users.push_back(std::move(user));
  }
  return users;
}

}  // namespace

Task<Status> add_account(Node& node, xmpp::Jid account, std::string password) {
  // Before the keys: a taken name costs nothing.
  auto look = [account](storage::Stores& stores) -> Status {
    const auto taken = stores.accounts().exists(account);
    if (!taken) return std::unexpected<Error>(taken.error());
    return *taken ? Status(fail(Failure::conflict, "the account exists already")) : Status();
  };
  auto looking = node.stores().run(std::move(look));
  const Status is_free = co_await looking;
  if (!is_free) co_return is_free;
  auto deriving = derive(node, std::move(password));
  const auto keys = co_await deriving;
  if (!keys) co_return std::unexpected<Error>(keys.error());
  auto store = [account, keys = *keys](storage::Stores& stores) { return create_account(stores, account, keys); };
  auto storing = node.stores().run(std::move(store));
  const Status stored = co_await storing;
  co_return stored;
}

Task<Status> replace_password(Node& node, xmpp::Jid account, std::string password) {
  auto deriving = derive(node, std::move(password));
  const auto keys = co_await deriving;
  if (!keys) co_return std::unexpected<Error>(keys.error());
  auto store = [account, keys = *keys](storage::Stores& stores) { return change_password(stores, account, keys); };
  auto storing = node.stores().run(std::move(store));
  const Status stored = co_await storing;
  co_return stored;
}

Task<Status> disable_account(Node& node, xmpp::Jid account, bool disabled) {
  auto store = [account, disabled](storage::Stores& stores) {
    return stores.accounts().set_disabled(account, disabled);
  };
  auto storing = node.stores().run(std::move(store));
  const Status stored = co_await storing;
  if (stored && disabled) node.tell_owner(account, "kick " + account.text() + " The account was disabled");
  co_return stored;
}

Task<Status> delete_account(Node& node, xmpp::Jid account) {
  auto remove = [account](storage::Stores& stores) { return stores.accounts().remove(account); };
  auto removing = node.stores().run(std::move(remove));
  const Status removed = co_await removing;
  if (removed) node.tell_owner(account, "delete " + account.text());
  co_return removed;
}

Task<std::vector<OnlineUser>> online_users(Node& node, std::string domain) {
  std::vector<OnlineUser> all;
  for (auto& loop : node.loops()) {
    auto asking = on_loop(*loop, [&homes = node.homes(*loop), domain] { return online_here(homes, domain); });
    auto some = co_await asking;
    std::ranges::move(some, std::back_inserter(all));
  }
  std::ranges::sort(all, {}, [](const OnlineUser& user) { return user.account.text(); });
  co_return all;
}

}  // namespace rookery::server
