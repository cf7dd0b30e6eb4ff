#include "server/invites.h"

#include "crypto/hash.h"
#include "crypto/random.h"
#include "server/http/http_server.h"
#include "server/http/request.h"
#include "server/node.h"

namespace rookery::server {

namespace {

constexpr size_t most_waiting = 50;                 // of one creator
constexpr size_t id_length = 32;                    // hexadecimal digits: 128 bits
constexpr auto remembered = std::chrono::days(30);  // so that whoever opens an old link reads what happened

Status check(storage::Stores& stores, const InviteWish& wish, storage::TimePoint now) {
  if (!wish.contact.empty()) {
    const auto contact = xmpp::Jid::parse(wish.contact);
    if (!contact || !contact->has_local() || !contact->is_bare())
      return fail(Failure::invalid, "the contact is not an account's address");
    const auto exists = stores.accounts().exists(*contact);
    if (!exists) return std::unexpected<Error>(exists.error());
    if (!*exists) return fail(Failure::not_found, "there is no account " + wish.contact);
  }
  if (!wish.creator.empty()) {
    const auto waiting = stores.invites().count(wish.creator, now);
    if (!waiting) return std::unexpected<Error>(waiting.error());
    if (*waiting >= most_waiting) return fail(Failure::full, "too many invitations wait to be used");
  }
  if (wish.username.empty()) return {};
  const auto account = xmpp::Jid::make(wish.username, wish.domain);
  if (!account || !account->has_local()) return fail(Failure::invalid, "\"" + wish.username + "\" is no user name");
  const auto taken = stores.accounts().exists(*account);
  if (!taken) return std::unexpected<Error>(taken.error());
  const auto promised = stores.invites().is_reserved(wish.domain, account->local(), now);
  if (!promised) return std::unexpected<Error>(promised.error());
  if (*taken || *promised) return fail(Failure::conflict, "the name " + wish.username + " is taken");
  return {};
}

}  // namespace

storage::TimePoint storage_now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::string invite_id(std::string_view token) {
  return crypto::hex_encode(crypto::digest(crypto::Hash::sha256, token)).substr(0, id_length);
}

bool is_usable(const storage::Invite& invite, storage::TimePoint now) {
  return invite.uses > 0 && now < invite.expires;
}

Result<MadeInvite> make_invite(storage::Stores& stores, const InviteWish& wish) {
  const auto now = storage_now();
  if (const Status good = check(stores, wish, now); !good) return std::unexpected<Error>(good.error());
  if (const Status cleaned = stores.invites().expire(now - remembered); !cleaned)
    return std::unexpected<Error>(cleaned.error());
  MadeInvite made{.token = crypto::random_token(), .invite = {}};
  std::string username;
  if (!wish.username.empty()) username = xmpp::Jid::make(wish.username, wish.domain).value().local();
  // A name can be taken once.
  made.invite = {.id = invite_id(made.token),
                 .domain = wish.domain,
                 .creator = wish.creator,
                 .contact = wish.contact,
                 .username = username,
                 .registers = wish.registers,
                 .uses = username.empty() ? wish.uses : 1,
                 .created = now,
                 .expires = now + wish.lifetime};
  if (const Status created = stores.invites().create(made.invite); !created)
    return std::unexpected<Error>(created.error());
  return made;
}

Result<storage::Invite> find_usable_invite(storage::Stores& stores, std::string_view id) {
  auto invite = stores.invites().find(id);
  if (!invite) return invite;
  if (!is_usable(*invite, storage_now())) return fail(Failure::not_found, "the invitation is used up or too old");
  return invite;
}

std::string invite_uri(const storage::Invite& invite, std::string_view token) {
  const auto preauth = ";preauth=" + std::string(token);
  // RFC 5122 §2.2: what is not allowed in the URI's path is encoded.
  const auto encoded = [](std::string_view bare) {
    const auto at = bare.find('@');
    if (at == std::string_view::npos) return percent_encode(bare);
    return percent_encode(bare.substr(0, at)) + "@" + percent_encode(bare.substr(at + 1));
  };
  // §4.1 and §4.4. A reserved name is told by the second form, so that the client can fill it in.
  if (!invite.contact.empty() && invite.username.empty())
    return "xmpp:" + encoded(invite.contact) + "?roster" + preauth + (invite.registers ? ";ibr=y" : "");
  const std::string address = invite.username.empty() ? invite.domain : invite.username + "@" + invite.domain;
  return "xmpp:" + encoded(address) + "?register" + preauth;
}

std::string landing_url(const Node& node, const storage::Invite& invite, std::string_view token) {
  const HttpServer& http = node.http();
  return http.is_open() ? http.public_url(invite.domain) + "/invite/" + std::string(token) : std::string();
}

}  // namespace rookery::server
