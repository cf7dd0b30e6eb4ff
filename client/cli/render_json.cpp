#include <boost/json/src.hpp>

#include "client/cli/command.h"
#include "client/cli/render.h"
#include "client/core/files/file_link.h"
#include "xmpp/time.h"

namespace rookery::cli {

using namespace client;
namespace json = boost::json;

namespace {

json::object describe(const ChatMessage& message) {
  json::object o;
  o["id"] = message.id;
  o["peer"] = message.peer.text();
  o["direction"] = message.outgoing ? "out" : "in";
  o["text"] = message.text;
  o["time"] = xmpp::format_date_time(message.time);
  o["state"] = std::string(to_string(message.state));
  o["encryption"] = std::string(to_string(message.encryption));
  o["origin_id"] = message.origin_id;
  o["stanza_id"] = message.stanza_id;
  if (message.encryption != Encryption::none) {
    o["device"] = message.sender_device;
    o["trust"] = std::string(to_string(message.trust));
  }
  if (const auto link = FileLink::parse(message.text))
    o["file"] = json::object{{"name", link->name}, {"url", link->url}, {"encrypted", link->is_encrypted()}};
  if (message.altered != Altered::no) o["altered"] = std::string(to_string(message.altered));
  if (!message.alters.empty()) o["alters"] = message.alters;
  if (!message.problem.empty()) o["problem"] = message.problem;
  return o;
}

json::object describe(const DeviceInfo& device) {
  json::object o;
  o["jid"] = device.owner.text();
  o["device"] = device.device;
  o["fingerprint"] = device.fingerprint;
  o["trust"] = std::string(to_string(device.trust));
  o["legacy"] = device.legacy;
  o["v2"] = device.v2;
  o["own"] = device.own;
  return o;
}

json::object describe(const Contact& contact) {
  json::object o;
  o["jid"] = contact.jid.text();
  o["name"] = contact.name;
  o["subscription"] = contact.subscription;
  o["asked"] = contact.asked;
  json::array groups;
  for (const auto& group : contact.groups) groups.emplace_back(group);
  o["groups"] = std::move(groups);
  return o;
}

json::object named(std::string_view event, json::object members) {
  json::object o;
  o["event"] = std::string(event);
  for (auto& [key, value] : members) o[key] = std::move(value);
  return o;
}

std::string_view to_string(event::Via via) {
  switch (via) {
    case event::Via::live:
      return "live";
    case event::Via::carbon:
      return "carbon";
    case event::Via::archive:
      return "archive";
    case event::Via::own:
      return "own";
  }
  return "live";
}

struct Objects {
  json::object operator()(const event::Online& e) const {
    return {{"event", "online"},
            {"jid", e.jid.text()},
            {"resumed", e.resumed},
            {"mechanism", e.mechanism},
            {"channel_binding", e.channel_binding}};
  }
  json::object operator()(const event::Offline& e) const {
    json::object o{
        {"event", "offline"}, {"reason", e.error.message}, {"failure", std::string(to_string(e.error.failure))}};
    if (e.retry_in) o["retry_in_ms"] = e.retry_in->count();
    return o;
  }
  json::object operator()(const event::CaughtUp& e) const { return {{"event", "caught_up"}, {"messages", e.messages}}; }
  json::object operator()(const event::MessageAdded& e) const {
    auto o = named("message", describe(e.message));
    o["via"] = std::string(to_string(e.via));
    return o;
  }
  json::object operator()(const event::MessageChanged& e) const {
    return named("message_changed", describe(e.message));
  }
  json::object operator()(const event::MessageAltered& e) const {
    auto o = named("message_altered", describe(e.message));
    o["via"] = std::string(to_string(e.via));
    return o;
  }
  json::object operator()(const event::FileSaved& e) const {
    return {{"event", "file_saved"}, {"peer", e.peer.text()}, {"path", e.path}, {"bytes", e.bytes}};
  }
  json::object operator()(const event::FileFailed& e) const {
    return {{"event", "file_failed"}, {"peer", e.peer.text()}, {"name", e.name}, {"reason", e.reason}};
  }
  json::object operator()(const event::RosterChanged& e) const { return named("roster", describe(e.contact)); }
  json::object operator()(const event::PresenceChanged& e) const {
    return {{"event", "presence"},
            {"from", e.from.text()},
            {"available", e.available},
            {"show", e.show},
            {"status", e.status}};
  }
  json::object operator()(const event::SubscriptionRequest& e) const {
    return {{"event", "subscription_request"}, {"from", e.from.text()}};
  }
  json::object operator()(const event::DevicesChanged& e) const {
    return {{"event", "devices_changed"}, {"jid", e.owner.text()}, {"devices", e.devices}};
  }
  json::object operator()(const event::UndecidedDevice& e) const {
    return named("undecided_device", describe(e.device));
  }
  json::object operator()(const event::Notice& e) const { return {{"event", "notice"}, {"text", e.text}}; }
};

}  // namespace

std::string to_json(const Event& event) { return json::serialize(std::visit(Objects{}, event)); }
std::string to_json(const ChatMessage& message, std::string_view event) {
  return json::serialize(named(event, describe(message)));
}
std::string to_json(const DeviceInfo& device) { return json::serialize(named("device", describe(device))); }
std::string to_json(const Contact& contact) { return json::serialize(named("contact", describe(contact))); }
std::string json_error(std::string_view text) { return json_object("error", {{"text", std::string(text)}}); }

std::string json_object(std::string_view event,
                        std::initializer_list<std::pair<std::string_view, std::string>> members) {
  json::object o;
  o["event"] = std::string(event);
  for (const auto& [key, value] : members) o[key] = value;
  return json::serialize(o);
}

Result<Command> parse_json_command(std::string_view line) {
  boost::system::error_code error;
  const json::value value = json::parse({line.data(), line.size()}, error);
  if (error || !value.is_object()) return fail(Failure::invalid, "not a JSON object: " + error.message());
  const auto member = [&value](std::string_view name) -> std::string {
    const auto* found = value.get_object().if_contains({name.data(), name.size()});
    if (!found) return {};
    if (found->is_string()) return std::string(found->get_string());
    return json::serialize(*found);
  };
  Command command{member("command"), member("jid"), member("text")};
  // The same checks as for a line; the text may hold what a line cannot.
  const bool is_bare_word = command.name.find(' ') == std::string::npos && !command.name.starts_with('/');
  if (!is_bare_word || command.jid.find(' ') != std::string::npos) return fail(Failure::invalid, "a malformed command");
  const std::string jid = command.jid.empty() ? "" : " " + command.jid;
  auto checked = parse_command("/" + command.name + jid + (command.text.empty() ? "" : " x"));
  if (!checked) return checked;
  return command;
}

}  // namespace rookery::cli
