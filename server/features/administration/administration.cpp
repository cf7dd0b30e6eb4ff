// XEP-0133: Service Administration, for those whom [admin] accounts names.
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "server/admin/online_users.h"
#include "server/features/administration/commands.h"
#include "server/features/features.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/payload.h"

namespace rookery::server {

namespace administration {

namespace {

constexpr uint64_t longest_delay = 24 * 3600;

/// By the signal that an operator would send: the same orderly end. All domains of this process hear of it; in a
/// cluster the other nodes go on.
Task<CommandOutcome> shut_down(std::shared_ptr<const CommandCall> call) {
  const auto delay = xmpp::parse_unsigned(call->value("delay"), longest_delay);
  if (!delay) co_return refused(xmpp::Condition::bad_request, "The delay must be a number of seconds");
  const std::string text = text_of(*call, "announcement");
  for (const auto& domain : call->node.config().domains) {
    if (text.empty()) break;
    auto announcing = announce_here(call->node, {.domain = domain, .text = text, .subject = {}});
    co_await announcing;
  }
  Loop::current()->after(std::chrono::seconds(*delay), [] { kill(getpid(), SIGTERM); });
  co_return CommandResult{
      .form = {}, .note = "The server stops in " + std::to_string(*delay) + " seconds", .add_to_form = {}};
}

}  // namespace

Command admin_command(std::string_view name, std::string_view title) {
  Command command;
  command.node = std::string(xmpp::ns::admin) + "#" + std::string(name);
  command.name = title;
  command.may_run = [](const Node& node, const xmpp::Jid& from) { return node.is_admin(from); };
  return command;
}

xmpp::DataForm admin_form(std::string_view title) {
  auto form = xmpp::DataForm::make(xmpp::DataForm::Type::form, xmpp::ns::admin);
  form.title = title;
  return form;
}

std::string join_notes(std::string first, const std::string& second) {
  if (!first.empty() && !second.empty()) first += "; ";
  return first + second;
}

xmpp::DataForm admin_result() { return xmpp::DataForm::make(xmpp::DataForm::Type::result, xmpp::ns::admin); }

std::expected<std::vector<xmpp::Jid>, xmpp::StanzaError> accounts_of(const CommandCall& call, std::string_view var,
                                                                     bool with_resource) {
  std::vector<xmpp::Jid> accounts;
  for (const auto& text : call.values(var)) {
    const auto jid = xmpp::Jid::parse(text);
    if (!jid || !jid->has_local())
      return refused(xmpp::Condition::jid_malformed, text + " is not an account's address");
    if (!jid->is_bare() && !with_resource) return refused(xmpp::Condition::bad_request, text + " has a resource");
    // An administrator of one domain has the others' by asking them.
    if (jid->domain() != call.domain)
      return refused(xmpp::Condition::not_acceptable, text + " has no account at " + call.domain);
    accounts.push_back(*jid);
  }
  if (accounts.empty()) return refused(xmpp::Condition::bad_request, "No account is named");
  return accounts;
}

void add_shutdown(FeatureRegistry& registry) {
  auto command = admin_command("shutdown", "Shut Down Service");
  command.stages.push_back([](const CommandCall&) {
    auto form = admin_form("Shutting Down the Service");
    auto& delay = form.add("delay", "60", "list-single", "Time until then").fields.back();
    delay.required = true;
    delay.options = {{"at once", "0"},     {"30 seconds", "30"}, {"60 seconds", "60"}, {"90 seconds", "90"},
                     {"2 minutes", "120"}, {"3 minutes", "180"}, {"4 minutes", "240"}, {"5 minutes", "300"}};
    form.add("announcement", {}, "text-multi", "Announcement").fields.back().values.clear();
    return form;
  });
  command.run = shut_down;
  registry.command(std::move(command));
}

}  // namespace administration

void install_administration(Node& node, FeatureRegistry& registry) {
  administration::add_user_commands(registry);
  administration::add_user_queries(registry);
  administration::add_list_commands(registry);
  administration::add_message_commands(node, registry);
  administration::add_shutdown(registry);
  registry.implements(
      {.number = 133,
       .name = "Service Administration",
       .version = "1.3.1",
       .left_out = "the list of administrators is the configuration's; passwords are not known to the server; no black "
                   "and white lists; no restart; in a cluster, a shutdown is that of one node",
       .tests = "golden/adhoc, integration/admin/shutdown_test.py, integration/admin/whole_cluster_test.py"});
}

}  // namespace rookery::server
