#include "server/admin/account_tasks.h"

#include "server/accounts.h"
#include "server/node.h"

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

/// Who else knew a deleted account.
struct Ties {
  std::vector<storage::RosterItem> contacts;
  std::vector<xmpp::Jid> rooms;
};

Result<Ties> remove(storage::Stores& stores, const xmpp::Jid& account) {
  auto roster = stores.rosters().load(account);
  if (!roster) return std::unexpected<Error>(roster.error());
  auto rooms = stores.rooms().affiliated(account);
  if (!rooms) return std::unexpected<Error>(rooms.error());
  if (const Status removed = stores.accounts().remove(account); !removed)
    return std::unexpected<Error>(removed.error());
  return Ties{.contacts = std::move(roster->items), .rooms = std::move(*rooms)};
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
  auto removing = node.stores().run([account](storage::Stores& stores) { return remove(stores, account); });
  const auto ties = co_await removing;
  if (!ties) co_return std::unexpected<Error>(ties.error());
  const auto tell = [&](std::string_view verb, const xmpp::Jid& other) {
    node.tell_owner(account, std::string(verb) + " " + account.text() + (other == account ? "" : " " + other.text()));
  };
  tell("delete", account);
  for (const auto& item : ties->contacts) {
    using Subscription = storage::RosterItem::Subscription;
    if (item.subscription == Subscription::to || item.subscription == Subscription::both || item.ask)
      tell("unsubscribe", item.jid);
    if (item.subscription == Subscription::from || item.subscription == Subscription::both || !item.request.empty())
      tell("unsubscribed", item.jid);
  }
  for (const auto& room : ties->rooms) tell("leave", room);
  co_return Status();
}

}  // namespace rookery::server
