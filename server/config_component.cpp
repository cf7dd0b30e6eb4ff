#include "server/config_component.h"

#include <algorithm>
#include <functional>

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

const std::vector<Key>& keys() {
  static const std::vector<Key> all = {
      {"domain", read_domain},
      {"secret", read_secret},
      {"secret_file", read_secret_file},
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
      return ConfigProblem{node.source(), "unknown key component." + std::string(name.str()) + "; a component has " + known_keys()};
    }
    const std::string problem = key->read(node, component);
    if (!problem.empty()) return ConfigProblem{node.source(), "component." + std::string(name.str()) + " " + problem};
  }
  if (component.domain.empty()) return ConfigProblem{table.source(), "component.domain is needed"};
  if (component.secret.empty() == component.secret_file.empty()) {
    return ConfigProblem{table.source(), "component " + component.domain + " needs secret or secret_file, and not both"};
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
  if (config.upload) taken.push_back(config.upload_domain.empty() ? "upload." + config.domains.front() : config.upload_domain);
  for (const auto& component : config.components) {
    if (std::ranges::find(taken, component.domain) != taken.end()) return "component.domain " + component.domain + " is taken already";
    taken.push_back(component.domain);
  }
  return {};
}

}  // namespace rookery::server
