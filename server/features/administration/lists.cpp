// XEP-0133 §4.13-4.22: how many users there are, and who.
#include <algorithm>

#include "server/admin/online_users.h"
#include "server/features/administration/commands.h"
#include "server/node.h"
#include "xmpp/payloads/payload.h"

namespace rookery::server::administration {

namespace {

constexpr size_t longest_list = OnlineQuery::most_named;

enum class Group { registered, disabled, online, active, idle };

struct Words {
  Group group;
  std::string_view name;  ///< as in "get-NAME-users-num"
  std::string_view title;
};
constexpr Words groups[] = {{Group::registered, "registered", "Registered"},
                            {Group::disabled, "disabled", "Disabled"},
                            {Group::online, "online", "Online"},
                            {Group::active, "active", "Active"},
                            {Group::idle, "idle", "Idle"}};

/// The first of a group, and how many there are.
struct Members {
  std::vector<xmpp::Jid> accounts;
  size_t count = 0;
  std::string note = {};  ///< what is not in it
};

Result<Members> read(storage::Stores& stores, const std::string& domain, Group group, size_t limit) {
  auto& accounts = stores.accounts();
  if (group == Group::disabled) {
    auto all = accounts.disabled(domain, "", SIZE_MAX);
    if (!all) return std::unexpected<Error>(all.error());
    Members members{.accounts = std::move(*all)};
    members.count = members.accounts.size();
    if (members.count > limit) members.accounts.resize(limit, members.accounts.front());
    return members;
  }
  const auto count = accounts.count(domain);
  if (!count) return std::unexpected<Error>(count.error());
  auto first = limit == 0 ? Result<std::vector<xmpp::Jid>>(std::vector<xmpp::Jid>()) : accounts.list(domain, "", limit);
  if (!first) return std::unexpected<Error>(first.error());
  return Members{.accounts = std::move(*first), .count = *count};
}

Task<Result<Members>> members_of(std::shared_ptr<const CommandCall> call, Group group, size_t limit) {
  if (group == Group::registered || group == Group::disabled) {
    auto reading = call->node.stores().run(
        [domain = call->domain, group, limit](storage::Stores& stores) { return read(stores, domain, group, limit); });
    auto members = co_await reading;
    co_return members;
  }
  const auto asked = group == Group::idle     ? OnlineQuery::Group::idle
                     : group == Group::active ? OnlineQuery::Group::active
                                              : OnlineQuery::Group::all;
  auto asking = online_users(call->node, {.domain = call->domain, .group = asked, .named = limit, .account = {}});
  auto online = co_await asking;
  Members members{
      .accounts = std::move(online.accounts), .count = online.count_of(asked), .note = online.answered.note()};
  co_return members;
}

Task<CommandOutcome> count(std::shared_ptr<const CommandCall> call, const Words* words) {
  auto finding = members_of(call, words->group, 0);
  const auto members = co_await finding;
  if (!members) co_return refused(members.error());
  auto form = admin_result();
  form.add(std::string(words->name) + "usersnum", std::to_string(members->count), "text-single",
           std::string(words->title) + " users");
  co_return CommandResult{.form = std::move(form), .note = members->note, .add_to_form = {}};
}

xmpp::DataForm limit_form(const CommandCall&) {
  auto form = admin_form("Requesting List of Users");
  form.add_choice("max_items", "100", {"25", "50", "75", "100", "150", "200", "none"}, "Most of them to show");
  return form;
}

Task<CommandOutcome> list(std::shared_ptr<const CommandCall> call, const Words* words) {
  const auto wish = xmpp::parse_unsigned(call->value("max_items"), longest_list);
  const size_t limit = wish ? static_cast<size_t>(*wish) : longest_list;
  auto finding = members_of(call, words->group, limit);
  const auto members = co_await finding;
  if (!members) co_return refused(members.error());
  std::vector<std::string> texts;
  for (const auto& account : members->accounts) texts.push_back(account.text());
  auto form = admin_result();
  form.add_values(std::string(words->name) + "userjids", texts, "jid-multi", std::string(words->title) + " users");
  const bool is_short = texts.size() < members->count;
  const std::string cut = is_short ? "The first of " + std::to_string(members->count) : std::string();
  co_return CommandResult{.form = std::move(form), .note = join_notes(cut, members->note), .add_to_form = {}};
}

}  // namespace

void add_list_commands(FeatureRegistry& registry) {
  for (const auto& words : groups) {
    const std::string name(words.name), title(words.title);
    auto number = admin_command("get-" + name + "-users-num", "Get Number of " + title + " Users");
    number.run = [&words](std::shared_ptr<const CommandCall> call) { return count(std::move(call), &words); };
    registry.command(std::move(number));
    // §4.21, §4.22 have their own names for two of them.
    auto who = admin_command("get-" + name + "-users-list", "Get List of " + title + " Users");
    if (words.group == Group::active || words.group == Group::idle)
      who.node = who.node.substr(0, who.node.size() - std::string_view("-list").size());
    who.stages.push_back(limit_form);
    who.run = [&words](std::shared_ptr<const CommandCall> call) { return list(std::move(call), &words); };
    registry.command(std::move(who));
  }
}

}  // namespace rookery::server::administration
