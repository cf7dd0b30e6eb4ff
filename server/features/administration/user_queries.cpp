// XEP-0133 §4.7-4.9: what is known of an account.
#include "server/admin/online_users.h"
#include "server/features/administration/commands.h"
#include "server/home/home.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/payload.h"
#include "xmpp/payloads/roster.h"
#include "xmpp/time.h"

namespace rookery::server::administration {

namespace {

struct Known {
  storage::Roster roster;
  std::optional<xmpp::TimePoint> last_login;
};

/// §4.8: the last login that a client has said who it was, or the last logout.
Result<Known> read(storage::Stores& stores, const xmpp::Jid& account) {
  Known known;
  const auto exists = stores.accounts().exists(account);
  if (!exists) return std::unexpected<Error>(exists.error());
  if (!*exists) return fail(Failure::not_found, "there is no such account");
  auto roster = stores.rosters().load(account);
  if (!roster) return std::unexpected<Error>(roster.error());
  known.roster = std::move(*roster);
  const auto logout = stores.values().get(account, "last", "");
  if (!logout) return std::unexpected<Error>(logout.error());
  const auto seconds = *logout ? xmpp::parse_unsigned(**logout, 1ull << 40) : std::nullopt;
  if (seconds) known.last_login = xmpp::TimePoint(std::chrono::seconds(*seconds));
  const auto clients = stores.clients().list(account);
  if (!clients) return std::unexpected<Error>(clients.error());
  for (const auto& client : *clients) {
    if (!known.last_login || client.last_seen > *known.last_login) known.last_login = client.last_seen;
  }
  return known;
}

std::vector<storage::RosterItem> shown(const storage::Roster& roster) {
  std::vector<storage::RosterItem> items;
  for (const auto& item : roster.items) {
    if (item.in_roster) items.push_back(item);
  }
  return items;
}

CommandResult roster_result(const xmpp::Jid& account, const Known& known) {
  auto form = admin_result();
  form.add("accountjids", account.text(), "jid-multi");
  return {.form = std::move(form), .note = {}, .add_to_form = [items = shown(known.roster)](xmpp::Element& x) {
            auto& query = x.add("query", xmpp::ns::roster);
            for (const auto& item : items) to_entry(item).add_to(query);
          }};
}

CommandResult last_login_result(const xmpp::Jid& account, const Known& known, const OnlineUsers& online) {
  auto form = admin_result();
  form.add("accountjids", account.text(), "jid-multi");
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const bool is_online = online.count > 0;
  if (is_online) {
    form.add("lastlogin", xmpp::format_date_time(now), "text-single");
  } else if (known.last_login) {
    form.add("lastlogin", xmpp::format_date_time(std::chrono::floor<std::chrono::seconds>(*known.last_login)),
             "text-single");
  }
  const std::string never = known.last_login || is_online ? "" : "It has never logged in";
  return {.form = std::move(form), .note = join_notes(never, online.answered.note()), .add_to_form = {}};
}

CommandResult statistics_result(const xmpp::Jid& account, const Known& known, const OnlineUsers& online) {
  auto form = admin_result();
  form.add("accountjid", account.text(), "jid-single");
  form.add("rostersize", std::to_string(shown(known.roster).size()), "text-single");
  if (online.count > 0) {
    form.add_values("ipaddresses", online.addresses, "text-multi")
        .add_values("onlineresources", online.resources, "text-multi");
  }
  return {.form = std::move(form), .note = online.answered.note(), .add_to_form = {}};
}

enum class Question { roster, last_login, statistics };

Task<CommandOutcome> answer(std::shared_ptr<const CommandCall> call, Question question, std::string field) {
  const auto accounts = accounts_of(*call, field);
  if (!accounts) co_return std::unexpected(accounts.error());
  const xmpp::Jid account = accounts->front();
  auto reading = call->node.stores().run([account](storage::Stores& stores) { return read(stores, account); });
  const auto known = co_await reading;
  if (!known) co_return refused(known.error());
  if (question == Question::roster) co_return roster_result(account, *known);
  auto asking = online_users(call->node, {.domain = call->domain, .account = account});
  const auto online = co_await asking;
  if (question == Question::statistics) co_return statistics_result(account, *known, online);
  co_return last_login_result(account, *known, online);
}

void add_question(FeatureRegistry& registry, std::string_view name, std::string_view title, Question question,
                  bool many) {
  const std::string field = many ? "accountjids" : "accountjid";
  auto command = admin_command(name, title);
  command.stages.push_back([title, field, many](const CommandCall&) {
    auto form = admin_form(title);
    auto& asked = form.add(field, {}, many ? "jid-multi" : "jid-single", "The address of the account").fields.back();
    asked.values.clear();
    asked.required = true;
    return form;
  });
  command.run = [question, field](std::shared_ptr<const CommandCall> call) {
    return answer(std::move(call), question, field);
  };
  registry.command(std::move(command));
}

}  // namespace

void add_user_queries(FeatureRegistry& registry) {
  add_question(registry, "get-user-roster", "Get User Roster", Question::roster, true);
  add_question(registry, "get-user-lastlogin", "Get User Last Login Time", Question::last_login, true);
  add_question(registry, "user-stats", "Get User Statistics", Question::statistics, false);
}

}  // namespace rookery::server::administration
