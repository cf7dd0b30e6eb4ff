// XEP-0133 §4.1-4.6: what changes accounts.
#include "server/admin/account_tasks.h"
#include "server/features/administration/commands.h"
#include "server/node.h"

namespace rookery::server::administration {

namespace {

xmpp::DataForm::Field& add_required(xmpp::DataForm& form, std::string_view var, std::string_view type,
                                    std::string_view label) {
  auto& field = form.add(var, {}, type, label).fields.back();
  field.values.clear();
  field.required = true;
  return field;
}

xmpp::DataForm new_user_form(const CommandCall&) {
  auto form = admin_form("Adding a User");
  add_required(form, "accountjid", "jid-single", "The address of the account");
  add_required(form, "password", "text-private", "The password");
  add_required(form, "password-verify", "text-private", "The password again");
  return form;
}

Task<CommandOutcome> add_user(std::shared_ptr<const CommandCall> call) {
  const auto accounts = accounts_of(*call, "accountjid");
  if (!accounts) co_return std::unexpected(accounts.error());
  // §4.1: the service refuses what differs.
  if (call->value("password") != call->value("password-verify"))
    co_return refused(xmpp::Condition::not_acceptable, "The passwords differ");
  auto adding = add_account(call->node, accounts->front(), call->value("password"));
  const Status added = co_await adding;
  if (!added) co_return refused(added.error());
  co_return CommandResult{.form = {}, .note = accounts->front().text() + " was added", .add_to_form = {}};
}

xmpp::DataForm new_password_form(const CommandCall&) {
  auto form = admin_form("Changing a User Password");
  add_required(form, "accountjid", "jid-single", "The address of the account");
  add_required(form, "password", "text-private", "The new password");
  return form;
}

Task<CommandOutcome> change_user_password(std::shared_ptr<const CommandCall> call) {
  const auto accounts = accounts_of(*call, "accountjid");
  if (!accounts) co_return std::unexpected(accounts.error());
  auto replacing = replace_password(call->node, accounts->front(), call->value("password"));
  const Status replaced = co_await replacing;
  if (!replaced) co_return refused(replaced.error());
  co_return CommandResult{.form = {}, .note = "The password was changed", .add_to_form = {}};
}

using Change = Task<Status> (*)(Node& node, xmpp::Jid account);

Task<Status> disable(Node& node, xmpp::Jid account) { return disable_account(node, std::move(account), true); }
Task<Status> enable(Node& node, xmpp::Jid account) { return disable_account(node, std::move(account), false); }
Task<Status> end_sessions(Node& node, xmpp::Jid jid) {
  node.tell_owner(jid, "kick " + jid.text() + " Ended by an administrator");
  co_return Status();
}

Task<CommandOutcome> change_all(std::shared_ptr<const CommandCall> call, Change change, bool with_resource) {
  const auto accounts = accounts_of(*call, "accountjids", with_resource);
  if (!accounts) co_return std::unexpected(accounts.error());
  for (const auto& account : *accounts) {
    auto changing = change(call->node, account);
    const Status changed = co_await changing;
    if (!changed) co_return refused(changed.error());
  }
  co_return CommandResult{.form = {}, .note = "Done", .add_to_form = {}};
}

void add_change(FeatureRegistry& registry, std::string_view name, std::string_view title, Change change,
                bool with_resource = false) {
  auto command = admin_command(name, title);
  command.stages.push_back([title](const CommandCall&) {
    auto form = admin_form(title);
    add_required(form, "accountjids", "jid-multi", "The addresses");
    return form;
  });
  command.run = [change, with_resource](std::shared_ptr<const CommandCall> call) {
    return change_all(std::move(call), change, with_resource);
  };
  registry.command(std::move(command));
}

}  // namespace

void add_user_commands(FeatureRegistry& registry) {
  auto add = admin_command("add-user", "Add User");
  add.stages.push_back(new_user_form);
  add.run = add_user;
  registry.command(std::move(add));
  add_change(registry, "delete-user", "Delete User", delete_account);
  add_change(registry, "disable-user", "Disable User", disable);
  add_change(registry, "reenable-user", "Re-Enable User", enable);
  add_change(registry, "end-user-session", "End User Session", end_sessions, true);
  auto change = admin_command("change-user-password", "Change User Password");
  change.stages.push_back(new_password_form);
  change.run = change_user_password;
  registry.command(std::move(change));
}

}  // namespace rookery::server::administration
