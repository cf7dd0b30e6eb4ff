// XEP-0317: hats are made, given and taken by ad-hoc commands (XEP-0050) of the room. Each has one form at most, so a
// session has nothing to remember: its id is made up and said again.
#include <algorithm>

#include "crypto/random.h"
#include "server/features/muc/room.h"
#include "server/features/muc/rooms.h"
#include "server/node.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/disco.h"

namespace rookery::server::muc {

using xmpp::Condition;

namespace {

constexpr std::string_view prefix = "urn:xmpp:hats:commands:";
constexpr std::string_view jid_var = "hats#jid", uri_var = "hats#uri", title_var = "hats#title", hue_var = "hats#hue";
constexpr size_t longest_title = 256;

struct HatCommand {
  std::string_view node, name;
  std::vector<std::string_view> fields;  ///< of its form, or the columns of its result
  bool is_list = false;
};

const std::vector<HatCommand>& commands() {
  static const std::vector<HatCommand> all = {
      {"urn:xmpp:hats:commands:create", "Create or change a hat", {title_var, uri_var, hue_var}, false},
      {"urn:xmpp:hats:commands:destroy", "Destroy a hat", {uri_var}, false},
      {"urn:xmpp:hats:commands:assign", "Assign a hat", {jid_var, uri_var}, false},
      {"urn:xmpp:hats:commands:unassign", "Take a hat away", {jid_var, uri_var}, false},
      {"urn:xmpp:hats:commands:list", "List hats", {title_var, uri_var, hue_var}, true},
      {"urn:xmpp:hats:commands:list-assigned",
       "List who wears which hat",
       {jid_var, uri_var, title_var, hue_var},
       true},
  };
  return all;
}

bool has_field(const HatCommand& command, std::string_view var) {
  return std::ranges::find(command.fields, var) != command.fields.end();
}

const HatCommand* find_command(std::string_view node) {
  const auto found = std::ranges::find(commands(), node, &HatCommand::node);
  return found == commands().end() ? nullptr : &*found;
}

xmpp::Element& add_command(xmpp::Element& result, const IqRequest& request, std::string_view status) {
  const auto session = request.payload().attr("sessionid");
  auto& element = result.add("command", xmpp::ns::commands);
  element.set_attr("node", request.payload().attr("node")).set_attr("status", status);
  element.set_attr("sessionid", session.empty() ? crypto::random_token() : std::string(session));
  return element;
}

xmpp::StanzaError command_error(std::string_view application) {
  return {.condition = Condition::bad_request,
          .text = {},
          .application_name = std::string(application),
          .application_ns = std::string(xmpp::ns::commands)};
}

xmpp::DataForm form_of(const HatCommand& command, const Hats& hats) {
  auto form = xmpp::DataForm::make(xmpp::DataForm::Type::form, xmpp::ns::hat_commands);
  form.title = command.name;
  const bool is_create = has_field(command, title_var);
  for (const auto var : command.fields) {
    if (var == jid_var) form.add(var, {}, "jid-single", "User Address");
    if (var == title_var) form.add(var, {}, "text-single", "Hat Title");
    if (var == hue_var) form.add(var, {}, "text-single", "Hat Hue");
    if (var == uri_var) form.add(var, {}, is_create ? "text-single" : "list-single", is_create ? "Hat URI" : "The hat");
    form.fields.back().values.clear();
    form.fields.back().required = var != hue_var;
    if (var != uri_var || is_create) continue;
    for (const auto& [uri, hat] : hats.all()) form.fields.back().options.push_back({.label = hat.title, .value = uri});
  }
  return form;
}

xmpp::DataForm::Field cell(std::string_view var, std::string value) {
  xmpp::DataForm::Field field;
  field.var = var;
  field.values.push_back(std::move(value));
  return field;
}

xmpp::DataForm list_of(const HatCommand& command, const Hats& hats) {
  xmpp::DataForm form;
  form.type = xmpp::DataForm::Type::result;
  form.title = command.name;
  for (const auto var : command.fields) {
    form.reported.emplace_back();
    form.reported.back().var = var;
  }
  const auto row = [](const std::string& uri, const Hat& hat) {
    return std::vector{cell(title_var, hat.title), cell(uri_var, uri), cell(hue_var, hat.hue)};
  };
  if (!has_field(command, jid_var)) {
    for (const auto& [uri, hat] : hats.all()) form.items.push_back(row(uri, hat));
    return form;
  }
  for (const auto& [jid, uris] : hats.worn()) {
    for (const auto& uri : uris) {
      form.items.push_back(row(uri, hats.all().find(uri)->second));
      form.items.back().push_back(cell(jid_var, jid.text()));
    }
  }
  return form;
}

}  // namespace

/// Hats are the owners' and admins' matter; everybody sees them, so whoever belongs here may list them.
bool Room::may_run(std::string_view command, const xmpp::Jid& who) {
  const Affiliation affiliation = affiliation_of(who);
  if (affiliation >= Affiliation::admin) return true;
  if (affiliation == Affiliation::outcast || !find_command(command)->is_list) return false;
  const bool belongs = occupant_of(who) != nullptr || affiliation >= Affiliation::member;
  const bool tells_addresses = command.ends_with("list-assigned");
  return belongs && (!tells_addresses || !config_.is_anonymous());
}

void Room::run_command(IqRequest request) {
  const auto node = request.payload().attr("node"), action = request.payload().attr("action");
  const HatCommand* command = find_command(node);
  if (command == nullptr) return request.fail(Condition::item_not_found);
  if (!may_run(node, request.from())) return request.fail(Condition::forbidden);
  auto result = request.make_result();
  if (action == "cancel") {
    add_command(*result, request, "canceled");
    return request.reply(std::move(result));
  }
  if (action == "prev" || action == "next") return request.fail(command_error("bad-action"));
  if (!action.empty() && action != "execute" && action != "complete")
    return request.fail(command_error("malformed-action"));
  if (command->is_list) {
    list_of(*command, hats_).add_to(add_command(*result, request, "completed"));
    return request.reply(std::move(result));
  }
  const auto form = xmpp::DataForm::parse_child(request.payload());
  if (!form) return request.fail(form.error());
  if (*form) {
    const bool is_answer =
        (*form)->type == xmpp::DataForm::Type::submit && (*form)->form_type() == xmpp::ns::hat_commands;
    return is_answer ? change_hats(std::move(request), node, **form) : request.fail(command_error("bad-payload"));
  }
  // XEP-0050 §3.4: one who goes on with a session has to have filled in its form.
  if (!request.payload().attr("sessionid").empty()) return request.fail(command_error("bad-payload"));
  auto& element = add_command(*result, request, "executing");
  element.add("actions").set_attr("execute", "complete").add("complete");
  form_of(*command, hats_).add_to(element);
  request.reply(std::move(result));
}

void Room::change_hats(IqRequest request, std::string_view command, const xmpp::DataForm& form) {
  const std::string uri(form.value(uri_var).value_or(std::string_view()));
  const auto jid = xmpp::Jid::parse(form.value(jid_var).value_or(std::string_view()));
  const auto action = command.substr(prefix.size());
  std::set<xmpp::Jid> concerned;
  const auto wearers = [&] {
    for (const auto& [who, uris] : hats_.worn()) {
      if (uris.contains(uri)) concerned.insert(who);
    }
  };
  if (action == "create") {
    const std::string title(form.value(title_var).value_or(std::string_view())),
        hue(form.value(hue_var).value_or(std::string_view()));
    if (title.empty() || title.size() > longest_title)
      return request.fail(Condition::not_acceptable, "A hat has a title");
    if (!is_hat_uri(uri)) return request.fail(Condition::not_acceptable, "A hat has a URI");
    if (!hue.empty() && !is_hue(hue)) return request.fail(Condition::not_acceptable, "A hue is an angle, 0 to 360");
    wearers();
    if (!hats_.put(uri, {.title = title, .hue = hue}))
      return request.fail(Condition::resource_constraint, "The room has too many hats");
  } else if (action == "destroy") {
    wearers();
    if (!hats_.destroy(uri)) return request.fail(Condition::item_not_found, "There is no such hat");
  } else {
    if (!jid || !jid->has_local()) return request.fail(Condition::jid_malformed, "The address of a person is needed");
    if (!hats_.all().contains(uri)) return request.fail(Condition::item_not_found, "There is no such hat");
    const bool gives = action == "assign";
    if (gives && !hats_.assign(jid->bare(), uri))
      return request.fail(Condition::resource_constraint, "Too many wear hats");
    if (!gives && !hats_.unassign(jid->bare(), uri))
      return request.fail(Condition::item_not_found, "He does not wear it");
    concerned.insert(jid->bare());
  }
  const bool is_new_list = action == "create" || action == "destroy";
  save_hats([self = shared_from_this(), request = std::move(request)](const Status& stored) mutable {
    if (!stored) return request.fail(stored.error());
    auto result = request.make_result();
    add_command(*result, request, "completed");
    request.reply(std::move(result));
  });
  if (is_new_list) announce({104});
  for (const auto& [nick, occupant] : occupants_) {
    if (!concerned.contains(occupant->account())) continue;
    occupant->shown = nullptr;
    broadcast_presence(*occupant, {});
  }
}

void Room::save_hats(Stored then) {
  ++jobs_pending_;
  auto work = [room = jid_, xml = hats_.to_xml()](storage::Stores& stores) {
    return stores.values().put(room, "hats", "", xml);
  };
  node().stores_of(jid_).run(std::move(work),
                             [self = shared_from_this(), then = std::move(then)](const Status& stored) mutable {
                               --self->jobs_pending_;
                               then(stored);
                             });
}

void Room::command_info(IqRequest request) {
  const auto node_name = request.payload().attr("node");
  const HatCommand* command = find_command(node_name);
  const bool is_list = node_name == xmpp::ns::commands;
  if (!is_list && (command == nullptr || !may_run(node_name, request.from())))
    return request.fail(Condition::item_not_found);
  xmpp::DiscoInfo info;
  info.node = node_name;
  info.features = {std::string(xmpp::ns::commands), std::string(xmpp::ns::data_forms)};
  const std::string name(is_list ? std::string_view("Commands") : command->name);
  info.identities.push_back(
      {.category = "automation", .type = is_list ? "command-list" : "command-node", .name = name, .lang = {}});
  auto result = request.make_result();
  info.add_to(*result);
  request.reply(std::move(result));
}

void Room::command_items(IqRequest request) {
  if (request.payload().attr("node") != xmpp::ns::commands) return request.fail(Condition::item_not_found);
  xmpp::DiscoItems items;
  items.node = xmpp::ns::commands;
  for (const auto& command : commands()) {
    if (may_run(command.node, request.from()))
      items.items.push_back({.jid = jid_, .node = std::string(command.node), .name = std::string(command.name)});
  }
  auto result = request.make_result();
  items.add_to(*result);
  request.reply(std::move(result));
}

}  // namespace rookery::server::muc
