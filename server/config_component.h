// [[component]]: the tables of components (XEP-0114) in the configuration.
#pragma once

#include <optional>
#include <string>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "server/config.h"

namespace rookery::server {

/// What is wrong, and where.
struct ConfigProblem {
  toml::source_region where;
  std::string sentence;
};

/// Adds the component to the configuration.
std::optional<ConfigProblem> read_component(const toml::table& table, Config& config);

/// Is a component's domain taken by something else of ours? Then a sentence says so.
std::string component_contradiction(const Config& config);

}  // namespace rookery::server
