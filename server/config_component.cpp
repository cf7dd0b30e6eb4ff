#include "server/config_component.h"

#include <algorithm>
#include <functional>
#include <sstream>

#include "xmpp/jid.h"

namespace rookery::server {

namespace {

struct Key {
  std::string_view name;
  std::function<std::string(const toml::node&, ComponentConfig&)> read;  ///< empty when it is right, else "must be …"
};

std::string read_domain(const toml::node& node, ComponentConfig& component) {
  const auto value = node.value_exact<std::string>();
  const auto jid = xmpp::Jid::parse(value.value_or(""));
  if (!jid || !jid->is_domain()) return "must be a domain in quotes";
  component.domain = jid->domain();
  return {};
}

std::string read_secret(const toml::node& node, ComponentConfig& component) {
  const auto value = node.value_exact<std::string>();
  if (!value || value->empty()) return "must be a text in quotes";
  component.secret = *value;
  return {};
}

std::string read_secret_file(const toml::node& node, ComponentConfig& component) {
  const auto value = node.value_exact<std::string>();
  if (!value || value->empty()) return "must be a path in quotes";
  component.secret_file = *value;
  return {};
}

std::function<std::string(const toml::node&, ComponentConfig&)> one_of(std::string ComponentConfig::* member,
                                                                       std::vector<std::string> choices) {
  return [member, choices = std::move(choices)](const toml::node& node, ComponentConfig& component) -> std::string {
    const auto value = node.value_exact<std::string>();
    std::string problem = "must be one of";
    for (const auto& choice : choices) problem += " \"" + choice + '"';
    if (!value || std::ranges::find(choices, *value) == choices.end()) return problem;
    component.*member = *value;
    return {};
  };
}

std::string read_roster_push(const toml::node& node, ComponentConfig& component) {
  const auto value = node.value_exact<bool>();
  if (!value) return "must be true or false";
  component.roster_push = *value;
  return {};
}

std::string read_iq(const toml::node& node, ComponentConfig& component) {
  constexpr auto problem = R"(must be a table like { "http://jabber.org/protocol/pubsub" = "both" })";
  const auto* table = node.as_table();
  if (table == nullptr) return problem;
  for (const auto& [ns, type] : *table) {
    const auto value = type.value_exact<std::string>();
    if (!value || (*value != "get" && *value != "set" && *value != "both")) return problem;
    component.iq.emplace_back(std::string(ns.str()), *value);
  }
  return {};
}

/// "namespace", or "namespace attribute attribute".
std::string read_delegate(const toml::node& node, ComponentConfig& component) {
  constexpr auto problem = R"(must be a list like ["urn:xmpp:mam:2 node", "http://jabber.org/protocol/pubsub"])";
  const auto* array = node.as_array();
  if (array == nullptr) return problem;
  for (const auto& element : *array) {
    std::istringstream words(element.value_exact<std::string>().value_or(""));
    ComponentConfig::Delegated delegated;
    words >> delegated.ns;
    for (std::string word; words >> word;) delegated.attributes.push_back(word);
    if (delegated.ns.empty()) return problem;
    component.delegated.push_back(std::move(delegated));
  }
  return {};
}

const std::vector<Key>& keys() {
  static const std::vector<Key> all = {
      {"domain", read_domain},
      {"secret", read_secret},
      {"secret_file", read_secret_file},
      {"roster", one_of(&ComponentConfig::roster, {"none", "get", "set", "both"})},
      {"roster_push", read_roster_push},
      {"message", one_of(&ComponentConfig::message, {"none", "outgoing"})},
      {"presence", one_of(&ComponentConfig::presence, {"none", "managed_entity"})},
      {"iq", read_iq},
      {"delegate", read_delegate},
  };
  return all;
}

std::string known_keys() {
  std::string names;
  for (const auto& key : keys()) names.append(names.empty() ? "" : ", ").append(key.name);
  return names;
}

}  // namespace

std::optional<ConfigProblem> read_component(const toml::table& table, Config& config) {
  ComponentConfig component;
  for (const auto& [name, node] : table) {
    const auto key = std::ranges::find(keys(), name.str(), &Key::name);
    if (key == keys().end()) {
      return ConfigProblem{node.source(),
                           "unknown key component." + std::string(name.str()) + "; a component has " + known_keys()};
    }
    const std::string problem = key->read(node, component);
    if (!problem.empty()) return ConfigProblem{node.source(), "component." + std::string(name.str()) + " " + problem};
  }
  if (component.domain.empty()) return ConfigProblem{table.source(), "component.domain is needed"};
  if (component.secret.empty() == component.secret_file.empty()) {
    return ConfigProblem{table.source(),
                         "component " + component.domain + " needs secret or secret_file, and not both"};
  }
  config.components.push_back(std::move(component));
  return std::nullopt;
}

std::string component_contradiction(const Config& config) {
  std::vector<std::string> taken = config.domains;
  for (const auto& domain : config.domains) {
    if (!config.muc_subdomain.empty()) taken.push_back(config.muc_subdomain + "." + domain);
    if (!config.pubsub_subdomain.empty()) taken.push_back(config.pubsub_subdomain + "." + domain);
  }
  if (config.upload)
    taken.push_back(config.upload_domain.empty() ? "upload." + config.domains.front() : config.upload_domain);
  std::vector<ComponentConfig::Delegated> given;
  for (const auto& component : config.components) {
    for (const auto& delegated : component.delegated) {
      if (std::ranges::find(given, delegated) != given.end())
        return "component.delegate: " + delegated.ns + " is given away twice";
      given.push_back(delegated);
    }
    if (std::ranges::find(taken, component.domain) != taken.end())
      return "component.domain " + component.domain + " is taken already";
    taken.push_back(component.domain);
  }
  return {};
}

}  // namespace rookery::server
