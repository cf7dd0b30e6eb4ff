#include "server/config_readers.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "server/net/address.h"
#include "storage/blobs.h"
#include "xmpp/jid.h"

namespace rookery::server {
namespace {

/// The strings of an array, nothing when it is no array or holds something else.
std::optional<std::vector<std::string>> strings(const toml::node& node) {
  const auto* array = node.as_array();
  if (!array) return std::nullopt;
  std::vector<std::string> values;
  for (const auto& element : *array) {
    const auto value = element.value_exact<std::string>();
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::optional<xmpp::Mechanism> parse_mechanism(std::string_view name) {
  using enum xmpp::Mechanism;
  if (name == "SCRAM-SHA-512") return scram_sha_512;
  if (name == "SCRAM-SHA-256") return scram_sha_256;
  if (name == "SCRAM-SHA-1") return scram_sha_1;
  if (name == "PLAIN") return plain;
  if (name == "EXTERNAL") return external;
  return std::nullopt;
}

}  // namespace

Reader boolean(bool Config::* member) {
  return [member](const toml::node& node, Config& config) -> std::string {
    const auto value = node.value_exact<bool>();
    if (!value) return "must be true or false";
    config.*member = *value;
    return {};
  };
}

Reader path(std::filesystem::path Config::* member) {
  return [member](const toml::node& node, Config& config) -> std::string {
    const auto value = node.value_exact<std::string>();
    if (!value) return "must be a path in quotes";
    config.*member = *value;
    return {};
  };
}

Reader text(std::string Config::* member) {
  return [member](const toml::node& node, Config& config) -> std::string {
    const auto value = node.value_exact<std::string>();
    if (!value) return "must be a text in quotes";
    config.*member = *value;
    return {};
  };
}

Reader one_of(std::string Config::* member, std::initializer_list<std::string_view> choices) {
  return [member, choices = std::vector<std::string_view>(choices)](const toml::node& node,
                                                                    Config& config) -> std::string {
    const auto value = node.value_exact<std::string>();
    if (!value || std::ranges::find(choices, *value) == choices.end()) {
      std::string problem = "must be one of";
      for (const auto choice : choices) problem += " \"" + std::string(choice) + '"';
      return problem;
    }
    config.*member = *value;
    return {};
  };
}

Reader subdomain(std::string Config::* member) {
  return [member](const toml::node& node, Config& config) -> std::string {
    const auto value = node.value_exact<std::string>();
    const auto jid = value ? xmpp::Jid::parse(*value + ".example.org") : Result<xmpp::Jid>(fail(Failure::invalid, {}));
    const bool right = value && (value->empty() || (jid && jid->is_domain() && value->find('.') == std::string::npos));
    if (!right) return R"(must be one label of a domain, like "pubsub", or "" for none)";
    config.*member = *value;
    return {};
  };
}

std::string read_nats(const toml::node& node, Config& config) {
  const auto values = strings(node);
  const auto is_url = [](const std::string& url) { return url.starts_with("nats://") || url.starts_with("tls://"); };
  if (!values || !std::ranges::all_of(*values, is_url))
    return R"(must be a list like ["nats://10.0.0.1:4222", "tls://10.0.0.2:4222"])";
  config.cluster_nats = *values;
  return {};
}

std::string read_domains(const toml::node& node, Config& config) {
  const auto values = strings(node);
  if (!values || values->empty()) return R"(must be a list of at least one domain, like ["example.org"])";
  std::vector<std::string> domains;
  for (const auto& value : *values) {
    const auto jid = xmpp::Jid::parse(value);
    if (!jid || !jid->is_domain()) return "holds \"" + value + "\", which is no domain";
    const std::string domain(jid->domain());
    if (std::ranges::find(domains, domain) != domains.end()) return "names \"" + domain + "\" twice";
    domains.push_back(domain);
  }
  config.domains = std::move(domains);
  return {};
}

bool is_loopback_host(const std::string& host) {
  in6_addr six{};
  if (inet_pton(AF_INET6, host.c_str(), &six) == 1) return IN6_IS_ADDR_LOOPBACK(&six);
  return host.starts_with("127.");
}

std::optional<std::string> host_of(const std::string& listener) {
  const auto colon = listener.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  uint16_t port = 0;
  const char* end = listener.data() + listener.size();
  const auto [rest, error] = std::from_chars(listener.data() + colon + 1, end, port);
  if (error != std::errc() || rest != end) return std::nullopt;

  std::string host = listener.substr(0, colon);
  in6_addr six{};
  in_addr four{};
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    return inet_pton(AF_INET6, host.c_str(), &six) == 1 ? std::optional(host) : std::nullopt;
  }
  return inet_pton(AF_INET, host.c_str(), &four) == 1 ? std::optional(host) : std::nullopt;
}

Reader listeners(std::vector<std::string> Config::* member, bool loopback_only) {
  return [=](const toml::node& node, Config& config) -> std::string {
    auto values = strings(node);
    if (!values) return R"(must be a list like ["0.0.0.0:5222", "[::]:5222"])";
    for (const auto& value : *values) {
      const auto host = host_of(value);
      if (!host) return "holds \"" + value + "\", which is not \"address:port\" (IPv6 in brackets)";
      if (loopback_only && !is_loopback_host(*host)) return "holds \"" + value + "\": without TLS only on loopback";
    }
    config.*member = std::move(*values);
    return {};
  };
}

std::string read_mechanisms(const toml::node& node, Config& config) {
  const auto values = strings(node);
  if (!values) return R"(must be a list like ["SCRAM-SHA-256"])";
  config.mechanisms.clear();
  for (const auto& value : *values) {
    const auto mechanism = parse_mechanism(value);
    if (!mechanism) {
      return "holds \"" + value + "\"; known are SCRAM-SHA-512, SCRAM-SHA-256, SCRAM-SHA-1, PLAIN and EXTERNAL";
    }
    config.mechanisms.push_back(*mechanism);
  }
  return {};
}

std::string read_public_url(const toml::node& node, Config& config) {
  auto value = node.value_exact<std::string>();
  // XEP-0156 §2.2, XEP-0363 §4: nothing but https
  if (!value || (!value->empty() && !value->starts_with("https://")))
    return "must be a URL like \"https://chat.example.org\"";
  while (value->ends_with('/')) value->pop_back();
  config.http_public_url = *value;
  return {};
}

std::string read_upload_domain(const toml::node& node, Config& config) {
  const auto value = node.value_exact<std::string>();
  if (!value) return "must be a domain in quotes";
  const auto jid = xmpp::Jid::parse(*value);
  if (!value->empty() && (!jid || !jid->is_domain())) return "is \"" + *value + "\", which is no domain";
  config.upload_domain = value->empty() ? "" : std::string(jid->domain());
  return {};
}

Reader store_url(std::string Config::* member) {
  return [member](const toml::node& node, Config& config) -> std::string {
    const auto value = node.value_exact<std::string>();
    if (!value || (!value->empty() && !storage::is_bucket_endpoint(*value)))
      return "must be a URL like \"https://s3.example.org\"";
    config.*member = *value;
    return {};
  };
}

std::string read_bucket(const toml::node& node, Config& config) {
  const auto value = node.value_exact<std::string>();
  const auto is_name = [](std::string_view text) {
    return std::ranges::all_of(
        text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; });
  };
  if (!value || !is_name(*value)) return "must be a bucket's name: lower-case letters, digits, '-' and '.'";
  config.s3_bucket = *value;
  return {};
}

std::string upload_contradiction(const Config& config) {
  constexpr uint64_t most_put_bytes = 5ull * 1024 * 1024 * 1024;  // of S3's PutObject
  const bool has_all = !config.s3_endpoint.empty() && !config.s3_bucket.empty() && !config.s3_access_key_file.empty() &&
                       !config.s3_secret_key_file.empty();
  if (config.upload_store != "s3") return {};
  if (!has_all) return "upload.store = \"s3\" needs s3_endpoint, s3_bucket, s3_access_key_file and s3_secret_key_file";
  if (config.upload_file_bytes > most_put_bytes)
    return "upload.file_bytes must not be above 5368709120 with upload.store = \"s3\"";
  // XEP-0363 §4: clients get nothing but HTTPS; in the clear only tests on this machine do.
  const auto& link = config.s3_public_endpoint;
  const bool is_http = link.starts_with("http://");
  if (is_http && !is_loopback_host(host_of(link.substr(7)).value_or(std::string())))
    return "upload.s3_public_endpoint must begin with https://";
  return {};
}

Reader accounts(std::vector<std::string> Config::* member) {
  return [member](const toml::node& node, Config& config) -> std::string {
    auto values = strings(node);
    if (!values) return R"(must be a list of addresses like ["juliet@example.org"])";
    for (auto& value : *values) {
      const auto jid = xmpp::Jid::parse(value);
      if (!jid || !jid->is_bare() || !jid->has_local()) return "holds \"" + value + "\", which is no account's address";
      value = jid->text();
    }
    config.*member = std::move(*values);
    return {};
  };
}

Reader addresses(std::vector<std::string> Config::* member) {
  return [member](const toml::node& node, Config& config) -> std::string {
    auto values = strings(node);
    if (!values) return R"(must be a list of addresses like ["127.0.0.1", "::1"])";
    for (const auto& value : *values) {
      in6_addr six{};
      in_addr four{};
      if (inet_pton(AF_INET, value.c_str(), &four) == 1 || inet_pton(AF_INET6, value.c_str(), &six) == 1) continue;
      return "holds \"" + value + "\", which is no IP address";
    }
    config.*member = std::move(*values);
    return {};
  };
}

Reader networks(std::vector<std::string> Config::* member) {
  return [member](const toml::node& node, Config& config) -> std::string {
    auto values = strings(node);
    if (!values || !Networks::parse(*values))
      return R"(must be a list of addresses or networks like ["10.0.0.7", "10.1.0.0/16", "2001:db8::/32"])";
    config.*member = std::move(*values);
    return {};
  };
}

Reader uris(std::vector<std::string> Config::* member) {
  return [member](const toml::node& node, Config& config) -> std::string {
    auto values = strings(node);
    if (!values) return R"(must be a list like ["mailto:admin@example.org", "xmpp:admin@example.org"])";
    for (const auto& value : *values) {
      const auto colon = value.find(':');
      if (colon != std::string::npos && colon > 0 && value.find_first_of(" <>\"\t\n") == std::string::npos) continue;
      return "holds \"" + value + "\", which is no URI like \"mailto:admin@example.org\"";
    }
    config.*member = std::move(*values);
    return {};
  };
}

Reader domains(std::vector<std::string> Config::* member) {
  return [member](const toml::node& node, Config& config) -> std::string {
    auto values = strings(node);
    if (!values) return R"(must be a list of domains like ["example.org"])";
    for (auto& value : *values) {
      const auto jid = xmpp::Jid::parse(value);
      if (!jid || !jid->is_domain()) return "holds \"" + value + "\", which is no domain";
      value = jid->text();
    }
    config.*member = std::move(*values);
    return {};
  };
}

Reader address_by_domain(std::map<std::string, std::string> Config::* member) {
  return [member](const toml::node& node, Config& config) -> std::string {
    constexpr auto problem = R"(must be a table like { "example.org" = "192.0.2.1:5269" })";
    const auto* table = node.as_table();
    if (table == nullptr) return problem;
    for (const auto& [domain, address] : *table) {
      const auto jid = xmpp::Jid::parse(domain.str());
      const auto value = address.value_exact<std::string>();
      if (!jid || !jid->is_domain() || !value || !host_of(*value)) return problem;
      (config.*member)[jid->text()] = *value;
    }
    return {};
  };
}

Reader address_or_none(std::string Config::* member) {
  return [member](const toml::node& node, Config& config) -> std::string {
    const auto value = node.value_exact<std::string>();
    if (!value || (!value->empty() && !host_of(*value))) return R"(must be "address:port" (IPv6 in brackets), or "")";
    config.*member = *value;
    return {};
  };
}

Reader hosts(std::vector<std::string> Config::* member) {
  return [member](const toml::node& node, Config& config) -> std::string {
    auto values = strings(node);
    if (!values) return R"(must be a list like ["turn.example.org:3478"])";
    for (const auto& value : *values) {
      const auto colon = value.rfind(':');
      uint16_t port = 0;
      const char* end = value.data() + value.size();
      const bool numeric =
          colon != std::string::npos && std::from_chars(value.data() + colon + 1, end, port).ptr == end && port != 0;
      if (!numeric || colon == 0) return "holds \"" + value + "\", which is not \"host:port\"";
    }
    config.*member = std::move(*values);
    return {};
  };
}

}  // namespace rookery::server
