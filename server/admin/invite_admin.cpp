// `rookeryctl invite …`. Runs on the admin socket's thread, like node_admin.cpp.
#include <algorithm>
#include <future>

#include "server/invites.h"
#include "server/node.h"
#include "xmpp/payloads/payload.h"
#include "xmpp/time.h"

namespace rookery::server {

namespace {

constexpr uint64_t most_uses = 100'000, longest_lifetime = 366ull * 86'400;
constexpr size_t longest_list = 10'000;

std::string error(const std::string& sentence) { return "error: " + sentence + "\n"; }

std::string seconds_text(storage::TimePoint time) {
  return xmpp::format_date_time(std::chrono::floor<std::chrono::seconds>(time));
}

/// "name=value" words into the wish; the sentence says what is wrong.
std::string read_wish(const Node& node, const std::vector<std::string>& words, InviteWish& wish) {
  for (size_t i = 2; i < words.size(); ++i) {
    const auto equals = words[i].find('=');
    const std::string name = words[i].substr(0, equals),
                      value = equals == std::string::npos ? "" : words[i].substr(equals + 1);
    if (name == "contact") {
      const auto jid = xmpp::Jid::parse(value);
      if (!jid || !jid->is_bare() || !jid->has_local()) return "\"" + value + "\" is not an account's address";
      wish.contact = jid->text();
    } else if (name == "username") {
      wish.username = value;
    } else if (name == "domain") {
      wish.domain = value;
    } else if (name == "uses") {
      const auto uses = xmpp::parse_unsigned(value, most_uses);
      if (!uses || *uses == 0) return "--uses must be a number from 1 to " + std::to_string(most_uses);
      wish.uses = *uses;
    } else if (name == "expires") {
      const auto seconds = xmpp::parse_unsigned(value, longest_lifetime);
      if (!seconds || *seconds == 0) return "--expires must be a time of at most 366 days";
      wish.lifetime = std::chrono::seconds(*seconds);
    } else {
      return "unknown option \"" + name + "\"";
    }
  }
  if (wish.domain.empty())
    wish.domain =
        wish.contact.empty() ? node.config().domains.front() : wish.contact.substr(wish.contact.find('@') + 1);
  const auto& domains = node.config().domains;
  if (std::ranges::find(domains, wish.domain) == domains.end())
    return wish.domain + " is not one of this server's domains";
  if (!wish.contact.empty() && !wish.contact.ends_with("@" + wish.domain))
    return "the contact has no account at " + wish.domain;
  if (!wish.username.empty() && wish.uses != 1) return "a user name can be taken only once";
  return {};
}

std::string line_of(const storage::Invite& invite, storage::TimePoint now) {
  std::string line = invite.id + " " +
                     (is_usable(invite, now) ? "uses=" + std::to_string(invite.uses)
                                             : std::string(invite.uses == 0 ? "used-up" : "expired"));
  line += " expires=" + seconds_text(invite.expires) + " by=" + (invite.creator.empty() ? "operator" : invite.creator);
  if (!invite.contact.empty()) line += " contact=" + invite.contact;
  if (!invite.username.empty()) line += " username=" + invite.username;
  return line + "\n";
}

}  // namespace

std::string Node::admin_invite(const std::vector<std::string>& words) {
  const auto on_store = [this](auto work) {
    auto promise = std::make_shared<std::promise<StoreWorker::ResultOf<decltype(work)>>>();
    auto future = promise->get_future();
    stores().run(std::move(work), [promise](auto result) { promise->set_value(std::move(result)); });
    return future.get();
  };
  const std::string verb = words.size() > 1 ? words[1] : "";
  if (config_.invites == "nobody") return error("invitations are off: registration.invites = \"nobody\"");
  if (verb == "list") {
    const auto all = on_store([domain = words.size() > 2 ? words[2] : config_.domains.front()](
                                  storage::Stores& stores) { return stores.invites().list(domain, longest_list); });
    if (!all) return error(all.error().message);
    std::string out;
    for (const auto& invite : *all) out += line_of(invite, storage_now());
    return out + "ok\n";
  }
  if (verb == "revoke" && words.size() == 3) {
    // By the id that the list shows, or by the token itself, which is in the link.
    const std::string& named = words[2];
    const Status removed = on_store([&named](storage::Stores& stores) -> Status {
      const Status by_id = stores.invites().remove(named);
      return by_id ? by_id : stores.invites().remove(invite_id(named.substr(named.rfind('/') + 1)));
    });
    return removed ? "ok\n" : error(removed.error().message);
  }
  if (verb != "create") return error("unknown command \"invite " + verb + "\"");
  InviteWish wish;
  wish.lifetime = config_.invite_lifetime;
  if (const auto problem = read_wish(*this, words, wish); !problem.empty()) return error(problem);
  const auto made = on_store([&wish](storage::Stores& stores) { return make_invite(stores, wish); });
  if (!made) return error(made.error().message);
  const auto landing = landing_url(*this, made->invite, made->token);
  return (landing.empty() ? "" : landing + "\n") + invite_uri(made->invite, made->token) + "\nexpires " +
         seconds_text(made->invite.expires) + "\nok\n";
}

}  // namespace rookery::server
