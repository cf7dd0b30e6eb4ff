// XEP-0050: Ad-Hoc Commands: the engine that leads users through what other features have registered
// (server/command.h).
#include <algorithm>

#include "crypto/random.h"
#include "server/command_runs.h"
#include "server/features/features.h"
#include "server/loop.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/disco.h"

namespace rookery::server {

namespace {

using xmpp::Condition;

struct Engine {
  explicit Engine(unsigned loops) : runs(loops) {}
  CommandRuns& here() { return runs[Loop::current()->index()]; }
  std::vector<CommandRuns> runs;
};
using EnginePtr = std::shared_ptr<Engine>;

xmpp::StanzaError command_error(Condition condition, std::string_view application) {
  return {.condition = condition,
          .text = {},
          .application_name = std::string(application),
          .application_ns = std::string(xmpp::ns::commands)};
}

xmpp::Element& add_command(xmpp::Element& result, const Command& command, std::string_view session,
                           std::string_view status) {
  auto& element = result.add("command", xmpp::ns::commands);
  element.set_attr("node", command.node).set_attr("sessionid", session).set_attr("status", status);
  return element;
}

/// §3.4: the form of the stage that is due, and what may be done with it.
void show_stage(IqRequest& request, const CommandRun& run, const std::string& id) {
  const size_t stage = run.call->answers.size();
  const bool is_last = stage + 1 == run.command->stages.size();
  auto result = request.make_result();
  auto& element = add_command(*result, *run.command, id, "executing");
  auto& actions = element.add("actions");
  actions.set_attr("execute", is_last ? "complete" : "next");
  if (stage > 0) actions.add("prev");
  actions.add(is_last ? "complete" : "next");
  run.command->stages[stage](*run.call).add_to(element);
  request.reply(std::move(result));
}

void show_result(IqRequest& request, const Command& command, const std::string& id, const CommandResult& outcome) {
  auto result = request.make_result();
  auto& element = add_command(*result, command, id, "completed");
  if (!outcome.note.empty()) element.add("note").set_attr("type", "info").add_text(outcome.note);
  if (outcome.form) {
    outcome.form->add_to(element);
    if (outcome.add_to_form) outcome.add_to_form(*element.child("x", xmpp::ns::data_forms));
  }
  request.reply(std::move(result));
}

Task<void> finish(EnginePtr engine, IqRequest request, CommandRun run, std::string id) {
  const std::shared_ptr<const CommandCall> call = run.call;
  auto running = run.command->run(call);
  const CommandOutcome outcome = co_await running;
  if (outcome) co_return show_result(request, *run.command, id, *outcome);
  // The last form may be corrected and sent again.
  if (!run.call->answers.empty()) {
    run.call->answers.pop_back();
    engine->here().add(id, std::move(run), Loop::current()->now());
  }
  request.fail(outcome.error());
}

void go_on(const EnginePtr& engine, IqRequest request, CommandRun run, const std::string& id) {
  if (run.call->answers.size() == run.command->stages.size()) {
    return spawn(finish(engine, std::move(request), std::move(run), id), "adhoc.finish");
  }
  const CommandRun shown = run;
  if (!engine->here().add(id, std::move(run), Loop::current()->now())) {
    return request.fail(Condition::resource_constraint, "Too many commands are under way");
  }
  show_stage(request, shown, id);
}

void start(const EnginePtr& engine, IqRequest request, const Command& command) {
  const auto action = request.payload().attr("action");
  if (!action.empty() && action != "execute")
    return request.fail(command_error(Condition::bad_request, "bad-sessionid"));
  auto call = std::make_shared<CommandCall>(
      CommandCall{request.node(), request.from(), std::string(request.to().domain()), {}});
  go_on(engine, std::move(request), {.command = &command, .call = std::move(call)}, crypto::random_token());
}

/// The answer holds what the form requires.
bool is_complete(const xmpp::DataForm& form, const xmpp::DataForm& answer) {
  return std::ranges::all_of(form.fields, [&](const auto& field) {
    return !field.required ||
           std::ranges::any_of(answer.values(field.var), [](const auto& value) { return !value.empty(); });
  });
}

void step(const EnginePtr& engine, IqRequest request, CommandRun run, const std::string& id) {
  const auto action = request.payload().attr("action");
  const size_t stage = run.call->answers.size();
  const bool is_last = stage + 1 == run.command->stages.size();
  const auto refuse = [&](const xmpp::StanzaError& error) {
    engine->here().add(id, std::move(run), Loop::current()->now());
    request.fail(error);
  };
  if (action == "prev") {
    if (stage == 0) return refuse(command_error(Condition::bad_request, "bad-action"));
    run.call->answers.pop_back();
    return go_on(engine, std::move(request), std::move(run), id);
  }
  if (!action.empty() && action != "execute" && action != "next" && action != "complete") {
    return refuse(command_error(Condition::bad_request, "malformed-action"));
  }
  // §3.4: only what was offered
  if ((action == "next" && is_last) || (action == "complete" && !is_last))
    return refuse(command_error(Condition::bad_request, "bad-action"));
  const auto answer = xmpp::DataForm::parse_child(request.payload());
  if (!answer || !*answer || (*answer)->type != xmpp::DataForm::Type::submit ||
      !is_complete(run.command->stages[stage](*run.call), **answer)) {
    return refuse(command_error(Condition::bad_request, "bad-payload"));
  }
  run.call->answers.push_back(**answer);
  go_on(engine, std::move(request), std::move(run), id);
}

void on_command(const EnginePtr& engine, IqRequest request) {
  const std::string node(request.payload().attr("node")), id(request.payload().attr("sessionid"));
  const Command* command = request.node().features().find_command(node);
  if (command == nullptr) return request.fail(Condition::item_not_found);
  // §3.1: forbidden. Looked at in each step: the right may have gone meanwhile.
  if (!command->may_run(request.node(), request.from())) return request.fail(Condition::forbidden);
  if (id.empty()) return start(engine, std::move(request), *command);
  auto run = engine->here().take(id, request.from(), node, Loop::current()->now());
  if (!run && run.error() == CommandRuns::Missing::expired)
    return request.fail(command_error(Condition::not_allowed, "session-expired"));
  if (!run) return request.fail(command_error(Condition::bad_request, "bad-sessionid"));
  if (request.payload().attr("action") != "cancel") return step(engine, std::move(request), std::move(*run), id);
  auto result = request.make_result();
  add_command(*result, *command, id, "canceled");
  request.reply(std::move(result));
}

/// The command that the request's node names, if the one who asks may run it.
const Command* visible_command(const IqRequest& request) {
  const Command* command = request.node().features().find_command(request.payload().attr("node"));
  return command != nullptr && command->may_run(request.node(), request.from()) ? command : nullptr;
}

}  // namespace

bool is_command_node(const IqRequest& request) {
  const auto node = request.payload().attr("node");
  return node == xmpp::ns::commands || request.node().features().find_command(node) != nullptr;
}

void command_info(IqRequest request) {
  const auto node = request.payload().attr("node");
  xmpp::DiscoInfo info;
  info.node = node;
  info.features = {std::string(xmpp::ns::commands), std::string(xmpp::ns::data_forms)};
  if (node == xmpp::ns::commands) {
    info.identities.push_back({.category = "automation", .type = "command-list", .name = "Commands", .lang = {}});
  } else {
    const Command* command = visible_command(request);
    if (command == nullptr) return request.fail(Condition::item_not_found);
    info.identities.push_back({.category = "automation", .type = "command-node", .name = command->name, .lang = {}});
  }
  auto result = request.make_result();
  info.add_to(*result);
  request.reply(std::move(result));
}

void command_items(IqRequest request) {
  xmpp::DiscoItems items;
  items.node = request.payload().attr("node");
  if (items.node != xmpp::ns::commands && visible_command(request) == nullptr)
    return request.fail(Condition::item_not_found);
  if (items.node == xmpp::ns::commands) {
    for (const auto& command : request.node().features().commands()) {
      if (!command->may_run(request.node(), request.from())) continue;
      items.items.push_back({.jid = request.to(), .node = command->node, .name = command->name});
    }
  }
  auto result = request.make_result();
  items.add_to(*result);
  request.reply(std::move(result));
}

void install_adhoc(Node& node, FeatureRegistry& registry) {
  auto engine = std::make_shared<Engine>(node.loop_count());
  registry.on_iq(Scope::server, "set", "command", xmpp::ns::commands,
                 [engine](IqRequest request) { on_command(engine, std::move(request)); });
  registry.advertise(Scope::server, xmpp::ns::commands);
  registry.implements({.number = 50,
                       .name = "Ad-Hoc Commands",
                       .version = "1.3.0",
                       .left_out = "commands of accounts; other payloads than one data form a stage",
                       .tests = "golden/adhoc"});
}

}  // namespace rookery::server
