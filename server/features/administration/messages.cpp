// XEP-0133 §4.23-4.28: announcements, the message of the day, and the welcome to new accounts.
#include <algorithm>

#include "crypto/hash.h"
#include "server/admin/online_users.h"
#include "server/features/administration/commands.h"
#include "server/node.h"

namespace rookery::server::administration {

namespace {

constexpr std::string_view kind = "announcement";  // of the domain's values; the keys are "motd" and "welcome"

Task<CommandOutcome> announce(std::shared_ptr<const CommandCall> call) {
  auto announcing = announce_to_all(
      call->node, {.domain = call->domain, .text = text_of(*call, "announcement"), .subject = call->value("subject")});
  const Announced reached = co_await announcing;
  std::string note = join_notes("Sent to " + std::to_string(reached.sessions) + " sessions", reached.answered.note());
  co_return CommandResult{.form = {}, .note = std::move(note), .add_to_form = {}};
}

Task<CommandOutcome> store(std::shared_ptr<const CommandCall> call, std::string key, bool must_exist) {
  const auto domain = xmpp::Jid::parse(call->domain);
  ensure(domain.has_value());
  auto work = [domain = *domain, key, must_exist, text = text_of(*call, key)](storage::Stores& stores) -> Status {
    if (must_exist) {
      const auto known = stores.values().get(domain, kind, key);
      if (!known) return std::unexpected<Error>(known.error());
      if (!*known) return fail(Failure::not_found, "There is none");
    }
    return text.empty() ? stores.values().remove(domain, kind, key) : stores.values().put(domain, kind, key, text);
  };
  auto storing = call->node.stores().run(std::move(work));
  const Status stored = co_await storing;
  if (!stored) co_return refused(stored.error());
  co_return CommandResult{.form = {}, .note = "Done", .add_to_form = {}};
}

xmpp::DataForm text_form(std::string_view title, std::string_view var, bool with_subject) {
  auto form = admin_form(title);
  if (with_subject) form.add("subject", {}, "text-single", "Subject");
  auto& field = form.add(var, {}, "text-multi", "The text").fields.back();
  field.values.clear();
  field.required = true;
  return form;
}

void add_store(FeatureRegistry& registry, std::string_view name, std::string_view title, const std::string& key,
               bool asks, bool must_exist) {
  auto command = admin_command(name, title);
  if (asks) command.stages.push_back([title, key](const CommandCall&) { return text_form(title, key, false); });
  command.run = [key, must_exist](std::shared_ptr<const CommandCall> call) {
    return store(std::move(call), key, must_exist);
  };
  registry.command(std::move(command));
}

/// What an account hears when it logs in: the welcome at its first login, and each message of the day once.
Result<std::vector<std::string>> read_for(storage::Stores& stores, const xmpp::Jid& account, const xmpp::Jid& domain) {
  auto& values = stores.values();
  std::vector<std::string> texts;
  const auto set = values.all(domain, kind);
  if (!set) return std::unexpected<Error>(set.error());
  const auto due = values.get(account, "welcome", "due");
  if (!due) return std::unexpected<Error>(due.error());
  if (*due) {
    if (const Status done = values.remove(account, "welcome", "due"); !done)
      return std::unexpected<Error>(done.error());
  }
  for (const auto& [key, text] : *set) {
    if (key == "welcome" && *due) texts.push_back(text);
    if (key != "motd") continue;
    const std::string id = crypto::hex_encode(crypto::digest(crypto::Hash::sha256, text)).substr(0, 16);
    const auto seen = values.get(account, "motd", "seen");
    if (!seen) return std::unexpected<Error>(seen.error());
    if (*seen == id) continue;
    if (const Status noted = values.put(account, "motd", "seen", id); !noted)
      return std::unexpected<Error>(noted.error());
    texts.push_back(text);
  }
  return texts;
}

void greet(Node& node, Session& session) {
  const xmpp::Jid full = session.jid();
  const auto domain = xmpp::Jid::parse(full.domain());
  ensure(domain.has_value());
  node.stores().run(
      [account = full.bare(), domain = *domain](storage::Stores& stores) { return read_for(stores, account, domain); },
      [&node, full, serial = session.serial(), domain = domain->text()](Result<std::vector<std::string>> texts) {
        if (!texts || texts->empty()) return;  // the next login tries again
        Home* home = node.homes().find_loaded(full.bare());
        Session* session = home != nullptr ? home->find_serial(serial) : nullptr;
        if (session == nullptr) return;
        for (const auto& text : *texts) {
          const auto message = Announcement{.domain = domain, .text = text, .subject = {}}.to_headline();
          message->set_attr("to", full.text());
          session->send(*message);
        }
      });
}

}  // namespace

std::string text_of(const CommandCall& call, std::string_view var) {
  std::string text;
  for (const auto& line : call.values(var)) text += (text.empty() ? "" : "\n") + line;
  return text;
}

void add_message_commands(Node& node, FeatureRegistry& registry) {
  auto command = admin_command("announce", "Send Announcement to Online Users");
  command.stages.push_back(
      [](const CommandCall&) { return text_form("Making an Announcement", "announcement", true); });
  command.run = announce;
  registry.command(std::move(command));
  add_store(registry, "set-motd", "Set Message of the Day", "motd", true, false);
  add_store(registry, "edit-motd", "Edit Message of the Day", "motd", true, true);
  add_store(registry, "delete-motd", "Delete Message of the Day", "motd", false, true);
  add_store(registry, "set-welcome", "Set Welcome Message", "welcome", true, false);
  add_store(registry, "delete-welcome", "Delete Welcome Message", "welcome", false, true);
  registry.session_available.push_back([&node](Session& session) { greet(node, session); });
}

}  // namespace rookery::server::administration
