#include "server/sign_up.h"

#include "server/accounts.h"
#include "server/invites.h"
#include "server/node.h"
#include "server/quarantine.h"

namespace rookery::server {

namespace {

/// A new account, what its invitation gives it, or its quarantine. In one transaction: a use is only gone with an
/// account.
Status store_account(storage::Stores& stores, const xmpp::Jid& account, const std::vector<crypto::ScramKeys>& keys,
                     const std::optional<storage::Invite>& invite, std::chrono::seconds quarantine) {
  // XEP-0445 §5: the name of an invitation is kept for it.
  const auto promised = stores.invites().is_reserved(account.domain(), account.local(), storage_now());
  if (!promised) return std::unexpected<Error>(promised.error());
  if (*promised && (!invite || invite->username != account.local()))
    return fail(Failure::conflict, "the name is promised to somebody");
  if (invite) {
    if (const Status used = stores.invites().use(invite->id); !used)
      return fail(Failure::denied, "the invitation is used up");
  }
  if (const Status created = create_account(stores, account, keys); !created) return created;
  if (!invite) {
    // XEP-0489 §3: nobody but the user has vouched for it.
    if (const Status noted = stores.values().put(account, "origin", "", "registered"); !noted) return noted;
    if (quarantine.count() == 0) return {};
    const auto until = std::chrono::floor<std::chrono::seconds>(storage_now() + quarantine).time_since_epoch();
    return stores.values().put(account, quarantine_kind, "", std::to_string(until.count()));
  }
  if (invite->contact.empty()) return {};
  const auto contact = xmpp::Jid::parse(invite->contact);
  if (!contact) return {};
  storage::RosterItem item;
  item.jid = *contact;
  item.subscription = storage::RosterItem::Subscription::both;
  return stores.rosters().put(account, item, 1);
}

/// Before the keys: a taken name costs nothing.
Result<std::optional<storage::Invite>> look_up(storage::Stores& stores, const xmpp::Jid& account,
                                               const std::string& id) {
  const auto taken = stores.accounts().exists(account);
  if (!taken) return std::unexpected<Error>(taken.error());
  if (*taken) return fail(Failure::conflict, "the account exists already");
  if (id.empty()) return std::optional<storage::Invite>();
  auto invite = stores.invites().find(id);
  if (!invite) return fail(Failure::denied, "the invitation was revoked");
  if (!invite->username.empty() && invite->username != account.local())
    return fail(Failure::invalid, "the invitation is for another name");
  return std::optional(std::move(*invite));
}

}  // namespace

Task<Status> sign_up(Node& node, SignUp wish) {
  auto looking = node.stores().run(
      [account = wish.account, id = wish.invite](storage::Stores& stores) { return look_up(stores, account, id); });
  const auto invite = co_await looking;
  if (!invite) co_return std::unexpected<Error>(invite.error());
  auto derive = [password = std::move(wish.password), iterations = node.config().scram_iterations] {
    return derive_keys(password, iterations);
  };
  auto derivation = node.derivations().try_run(std::move(derive));
  const auto keys = co_await derivation;
  if (!keys) co_return std::unexpected<Error>(keys.error());
  auto store = [account = wish.account, keys = *keys, invite = *invite, quarantine = node.config().quarantine](
                   storage::Stores& stores) { return store_account(stores, account, keys, invite, quarantine); };
  auto storing = node.stores().run(std::move(store));
  const Status created = co_await storing;
  if (!created) co_return created;
  // XEP-0401 §4.5: the inviter's clients learn of it at once.
  const auto contact = *invite ? xmpp::Jid::parse((*invite)->contact) : Result<xmpp::Jid>(fail(Failure::not_found, {}));
  if (contact) node.tell_owner(*contact, "befriend " + contact->text() + " " + wish.account.text());
  co_return Status();
}

}  // namespace rookery::server
