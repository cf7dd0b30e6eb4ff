// Readers of single configuration values, and what they say when one is wrong.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config.h"

namespace rookery::server {

/// Reads one value into the configuration; empty when it is right, else what would be ("must be …").
using Reader = std::function<std::string(const toml::node&, Config&)>;

Reader boolean(bool Config::* member);
Reader path(std::filesystem::path Config::* member);
Reader text(std::string Config::* member);
Reader one_of(std::string Config::* member, std::initializer_list<std::string_view> choices);
/// The first label of a service's domain, or nothing.
Reader subdomain(std::string Config::* member);
std::string read_nats(const toml::node& node, Config& config);
std::string read_domains(const toml::node& node, Config& config);
bool is_loopback_host(const std::string& host);
/// The host of "address:port" or "[address]:port"; nothing when it is not of that form.
std::optional<std::string> host_of(const std::string& listener);
Reader listeners(std::vector<std::string> Config::* member, bool loopback_only);
std::string read_mechanisms(const toml::node& node, Config& config);
std::string read_public_url(const toml::node& node, Config& config);
std::string read_upload_domain(const toml::node& node, Config& config);
/// "https://host[:port]" of an object store, or nothing.
Reader store_url(std::string Config::* member);
std::string read_bucket(const toml::node& node, Config& config);
/// What no single key of [upload] can say.
std::string upload_contradiction(const Config& config);
Reader accounts(std::vector<std::string> Config::* member);
Reader addresses(std::vector<std::string> Config::* member);
Reader networks(std::vector<std::string> Config::* member);
/// XEP-0157 §2: each is a URI.
Reader uris(std::vector<std::string> Config::* member);
Reader domains(std::vector<std::string> Config::* member);
/// Domains, each with the "address:port" at which it is found.
Reader address_by_domain(std::map<std::string, std::string> Config::* member);
/// "address:port" or nothing.
Reader address_or_none(std::string Config::* member);
/// "host:port" of a service elsewhere, named or numbered.
Reader hosts(std::vector<std::string> Config::* member);

/// Also of durations, which are in the file in the unit that their key names, else in seconds.
template <typename T>
Reader number(T Config::* member, int64_t least, int64_t most) {
  return [=](const toml::node& node, Config& config) -> std::string {
    const auto value = node.value_exact<int64_t>();
    if (!value || *value < least || *value > most) {
      return "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most);
    }
    config.*member = T(*value);
    return {};
  };
}

}  // namespace rookery::server
