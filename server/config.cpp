#include "server/config.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <initializer_list>
#include <numeric>
#include <optional>
#include <string_view>

#include "server/config_component.h"
#include "server/config_readers.h"

namespace rookery::server {
namespace {

struct Key {
  std::string name;  ///< "section.key"
  Reader read;
};

/// Every key there is. deploy/rookery.toml.example explains them; a test holds the two together.
const std::vector<Key>& keys() {
  constexpr int64_t gigabyte = 1024 * 1024 * 1024;
  constexpr int64_t million = 1'000'000;
  constexpr int64_t day = 86'400;
  static const std::vector<Key> all = {
      {"server.domains", read_domains},
      {"server.data_dir", path(&Config::data_dir)},
      {"server.threads", number(&Config::threads, 0, 1024)},
      {"server.log_level", one_of(&Config::log_level, {"debug", "info", "warning", "error"})},
      {"listen.c2s", listeners(&Config::c2s, false)},
      {"listen.c2s_tls", listeners(&Config::c2s_tls, false)},
      {"listen.c2s_plain", listeners(&Config::c2s_plain, true)},
      {"listen.s2s", listeners(&Config::s2s, false)},
      {"listen.s2s_tls", listeners(&Config::s2s_tls, false)},
      {"listen.proxy_protocol", listeners(&Config::proxy_protocol, false)},
      {"listen.proxies", networks(&Config::proxies)},
      {"http.listen", listeners(&Config::http, false)},
      {"http.plain", listeners(&Config::http_plain, true)},
      {"http.public_url", read_public_url},
      {"http.trusted_proxies", addresses(&Config::http_trusted_proxies)},
      {"http.public_addresses", addresses(&Config::http_public_addresses)},
      {"http.idle_timeout", number(&Config::http_idle_timeout, 1, day)},
      {"upload.enabled", boolean(&Config::upload)},
      {"upload.domain", read_upload_domain},
      {"upload.store", one_of(&Config::upload_store, {"local", "s3"})},
      {"upload.folder", path(&Config::upload_folder)},
      {"upload.s3_endpoint", store_url(&Config::s3_endpoint)},
      {"upload.s3_public_endpoint", store_url(&Config::s3_public_endpoint)},
      {"upload.s3_region", text(&Config::s3_region)},
      {"upload.s3_bucket", read_bucket},
      {"upload.s3_path_style", boolean(&Config::s3_path_style)},
      {"upload.s3_access_key_file", path(&Config::s3_access_key_file)},
      {"upload.s3_secret_key_file", path(&Config::s3_secret_key_file)},
      {"upload.s3_ca_file", path(&Config::s3_ca_file)},
      {"upload.file_bytes", number(&Config::upload_file_bytes, 1, 1024 * gigabyte)},
      {"upload.quota_bytes", number(&Config::upload_quota_bytes, 1, 1024 * gigabyte)},
      {"upload.keep", number(&Config::upload_keep, 1, 36'500 * day)},
      {"calls.stun", hosts(&Config::stun)},
      {"calls.turn", hosts(&Config::turn)},
      {"calls.turn_tcp", hosts(&Config::turn_tcp)},
      {"calls.turns", hosts(&Config::turns)},
      {"calls.turn_secret", text(&Config::turn_secret)},
      {"calls.turn_lifetime", number(&Config::turn_lifetime, 60, 7 * day)},
      {"tls.certificate", path(&Config::certificate)},
      {"tls.key", path(&Config::key)},
      {"admin.socket", path(&Config::admin_socket)},
      {"admin.accounts", accounts(&Config::admins)},
      {"contact.abuse", uris(&Config::contact_abuse)},
      {"contact.admin", uris(&Config::contact_admin)},
      {"contact.feedback", uris(&Config::contact_feedback)},
      {"contact.sales", uris(&Config::contact_sales)},
      {"contact.security", uris(&Config::contact_security)},
      {"contact.status", uris(&Config::contact_status)},
      {"contact.support", uris(&Config::contact_support)},
      {"metrics.listen", listeners(&Config::metrics, false)},
      {"metrics.tls", boolean(&Config::metrics_tls)},
      {"metrics.token_file", path(&Config::metrics_token_file)},
      {"auth.mechanisms", read_mechanisms},
      {"auth.allow_plain", boolean(&Config::allow_plain)},
      {"auth.channel_binding", boolean(&Config::channel_binding)},
      // Below 10,000 a stolen database is guessed too fast; beyond ten million a login takes seconds.
      {"auth.scram_iterations", number(&Config::scram_iterations, 10'000, 10'000'000)},
      {"auth.backoff_first_ms", number(&Config::backoff_first, 1, million)},
      {"auth.backoff_most_ms", number(&Config::backoff_most, 1, million)},
      {"auth.token_lifetime", number(&Config::token_lifetime, 60, 3650 * day)},
      {"auth.token_rotation", number(&Config::token_rotation, 1, 3650 * day)},
      {"archive.enabled", boolean(&Config::archive)},
      {"archive.keep_days", number(&Config::archive_keep, 0, 36'500)},
      {"archive.rooms_keep_days", number(&Config::archive_rooms_keep, 0, 36'500)},
      {"pubsub.subdomain", subdomain(&Config::pubsub_subdomain)},
      {"pubsub.create", one_of(&Config::pubsub_create, {"local", "anyone", "nobody"})},
      {"muc.subdomain", subdomain(&Config::muc_subdomain)},
      {"muc.create", one_of(&Config::muc_create, {"local", "anyone", "nobody"})},
      {"muc.history", number(&Config::muc_history, 0, 200)},
      {"muc.occupants", number(&Config::muc_occupants, 1, million)},
      {"muc.members", number(&Config::muc_members, 1, million)},
      {"muc.idle", number(&Config::muc_idle, 1, day)},
      {"muc.rooms_per_user", number(&Config::muc_rooms_per_user, 1, million)},
      {"csi.held_stanzas", number(&Config::held_stanzas, 0, 10'000)},
      {"push.enabled", boolean(&Config::push)},
      {"push.sender", boolean(&Config::push_sender)},
      {"registration.enabled", boolean(&Config::registration)},
      {"registration.per_ip_and_hour", number(&Config::registrations_per_ip, 1, million)},
      {"registration.per_hour", number(&Config::registrations_per_hour, 1, million)},
      {"strangers.policy", one_of(&Config::strangers_policy, {"deliver", "hold", "refuse"})},
      {"strangers.per_account_and_hour", number(&Config::strangers_per_hour, 0, million)},
      {"strangers.per_account_and_day", number(&Config::strangers_per_day, 0, million)},
      {"strangers.per_domain_and_hour", number(&Config::strangers_per_domain, 0, million)},
      {"reports.notify", accounts(&Config::reports_notify)},
      {"reports.per_account_and_day", number(&Config::reports_per_day, 0, million)},
      {"reports.keep", number(&Config::reports_keep, 60, 36'500 * day)},
      {"affiliations.to", one_of(&Config::affiliations_to, {"local", "anyone", "nobody"})},
      {"registration.invites", one_of(&Config::invites, {"admins", "anyone", "nobody"})},
      {"registration.invite_lifetime", number(&Config::invite_lifetime, 60, 366 * day)},
      {"registration.quarantine", number(&Config::quarantine, 0, 366 * day)},
      {"registration.quarantine_strangers", number(&Config::quarantine_strangers, 1, million)},
      {"storage.kind", one_of(&Config::storage_kind, {"embedded", "postgres"})},
      {"storage.postgres", text(&Config::storage_postgres)},
      {"cluster.nats", read_nats},
      {"cluster.node", text(&Config::cluster_node)},
      {"cluster.name", text(&Config::cluster_name)},
      {"cluster.edge_only", boolean(&Config::cluster_edge_only)},
      {"cluster.lease", number(&Config::cluster_lease, 2, 3600)},
      {"cluster.nats_credentials", path(&Config::cluster_nats_credentials)},
      {"cluster.nats_ca", path(&Config::cluster_nats_ca)},
      {"cluster.nats_certificate", path(&Config::cluster_nats_certificate)},
      {"cluster.nats_key", path(&Config::cluster_nats_key)},
      {"s2s.enabled", one_of(&Config::s2s_enabled, {"auto", "on", "off"})},
      {"s2s.dialback", boolean(&Config::s2s_dialback)},
      {"s2s.ca", path(&Config::s2s_ca)},
      {"s2s.allow", domains(&Config::s2s_allow)},
      {"s2s.deny", domains(&Config::s2s_deny)},
      {"s2s.allow_private", networks(&Config::s2s_allow_private)},
      {"s2s.hosts", address_by_domain(&Config::s2s_hosts)},
      {"s2s.resolver", address_or_none(&Config::s2s_resolver)},
      {"s2s.keep", number(&Config::s2s_keep, 1, 30 * day)},
      {"s2s.retry_most", number(&Config::s2s_retry_most, 1, day)},
      {"s2s.stanza_bytes", number(&Config::s2s_stanza_bytes, 10'000, gigabyte)},
      {"components.listen", listeners(&Config::components_listen, false)},
      {"components.tls", boolean(&Config::components_tls)},
      // RFC 6120 §13.12: a limit below 10,000 bytes is not allowed.
      {"limits.stanza_bytes", number(&Config::stanza_bytes, 10'000, gigabyte)},
      {"limits.bytes_per_second", number(&Config::bytes_per_second, 0, gigabyte)},
      {"limits.burst_bytes", number(&Config::burst_bytes, 10'000, gigabyte)},
      {"limits.outbox_bytes", number(&Config::outbox_bytes, 10'000, gigabyte)},
      {"limits.unauthenticated_per_ip", number(&Config::unauthenticated_per_ip, 1, million)},
      {"limits.unauthenticated_per_listener", number(&Config::unauthenticated_per_listener, 1, million)},
      {"limits.unauthenticated_total", number(&Config::unauthenticated_total, 1, million)},
      {"limits.sessions_per_account", number(&Config::sessions_per_account, 1, million)},
      {"limits.pubsub_bytes_per_account", number(&Config::pubsub_bytes_per_account, 0, 1000 * gigabyte)},
      {"limits.tls_timeout", number(&Config::tls_timeout, 1, day)},
      {"limits.auth_timeout", number(&Config::auth_timeout, 1, day)},
      {"limits.ping_after", number(&Config::ping_after, 0, day)},
      {"limits.stalled_after", number(&Config::stalled_after, 1, day)},
      {"limits.resume_timeout", number(&Config::resume_timeout, 0, day)},
  };
  return all;
}

/// Levenshtein's distance, one row at a time.
size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < from.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < to.size(); ++j) {
      const size_t replaced = diagonal + (from[i] != to[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

/// A key in the wrong section counts as near: the last part alone is compared too.
std::string nearest_key(std::string_view unknown) {
  const auto last_part = [](std::string_view name) { return name.substr(name.rfind('.') + 1); };
  const auto distance = [&](const Key& key) {
    return std::min(edit_distance(unknown, key.name), edit_distance(last_part(unknown), last_part(key.name)) + 1);
  };
  return std::ranges::min_element(keys(), {}, distance)->name;
}

class File {
 public:
  explicit File(const std::filesystem::path& path) : path_(path.string()) {}

  std::unexpected<Error> refuse(const toml::source_region& where, const std::string& sentence) const {
    return fail(Failure::invalid, path_ + ":" + std::to_string(where.begin.line) + ": " + sentence);
  }

  std::unexpected<Error> unknown(const toml::node& node, const std::string& name) const {
    return refuse(node.source(), "unknown key " + name + "; did you mean " + nearest_key(name) + "?");
  }

  Status read_section(const std::string& section, const toml::table& table, Config& config) const {
    for (const auto& [key_name, node] : table) {
      const std::string name = section + "." + std::string(key_name.str());
      const auto key = std::ranges::find(keys(), name, &Key::name);
      if (key == keys().end()) return unknown(node, name);
      const std::string problem = key->read(node, config);
      if (!problem.empty()) return refuse(node.source(), name + " " + problem);
    }
    return {};
  }

 private:
  const std::string path_;
};

/// What no single key can say.
std::string contradiction(const Config& config) {
  if (config.data_dir.empty()) return "server.data_dir must not be empty";
  if ((config.storage_kind == "postgres") == config.storage_postgres.empty()) {
    return "storage.postgres is needed with storage.kind = \"postgres\" and with no other";
  }
  if (!config.cluster_nats.empty() && config.storage_kind != "postgres")
    return "cluster.nats needs storage.kind = \"postgres\"";
  if (config.cluster_name.empty() || config.cluster_name.find_first_of(" .*>") != std::string::npos) {
    return "cluster.name must be a word: it is part of NATS subjects";
  }
  if (config.certificate.empty() != config.key.empty()) return "tls.certificate and tls.key belong together: set both";
  if (!config.allow_plain && std::ranges::find(config.mechanisms, xmpp::Mechanism::plain) != config.mechanisms.end()) {
    return "auth.mechanisms holds PLAIN, which needs auth.allow_plain = true";
  }
  if (config.turn_secret.empty() && !(config.turn.empty() && config.turn_tcp.empty() && config.turns.empty())) {
    return "calls.turn needs calls.turn_secret: the static-auth-secret of the TURN server";
  }
  for (const auto& address : config.proxy_protocol) {
    const auto& all = {config.c2s,        config.c2s_tls, config.c2s_plain, config.http,
                       config.http_plain, config.s2s,     config.s2s_tls};
    if (std::ranges::none_of(all, [&](const auto& list) { return std::ranges::find(list, address) != list.end(); })) {
      return "listen.proxy_protocol holds \"" + address + "\", which is no address of [listen] or [http]";
    }
  }
  if (config.proxy_protocol.empty() != config.proxies.empty())
    return "listen.proxy_protocol and listen.proxies belong together: set both";
  const auto is_public = [](const std::string& address) {
    return !is_loopback_host(host_of(address).value_or(std::string()));
  };
  if (config.metrics_token_file.empty() && std::ranges::any_of(config.metrics, is_public)) {
    return "metrics.listen has an address that is not loopback: metrics.token_file is needed";  // REQUIREMENTS 27
  }
  // A right password that has to wait so long would come too late.
  if (config.backoff_most >= config.auth_timeout) return "auth.backoff_most_ms must be below limits.auth_timeout";
  if (auto problem = upload_contradiction(config); !problem.empty()) return problem;
  if (auto problem = component_contradiction(config); !problem.empty()) return problem;
  if (config.outbox_bytes < config.stanza_bytes) return "limits.outbox_bytes must not be below limits.stanza_bytes";
  return {};
}

}  // namespace

std::vector<std::string> config_keys() {
  std::vector<std::string> names;
  for (const auto& key : keys()) names.push_back(key.name);
  return names;
}

Result<Config> load_config(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return fail(Failure::not_found, "no configuration file " + path.string());
  }
  const File file(path);
  const auto parsed = toml::parse_file(path.string());
  if (!parsed) return file.refuse(parsed.error().source(), std::string(parsed.error().description()));

  Config config;
  for (const auto& [section, node] : parsed.table()) {
    const std::string name(section.str());
    const bool known = std::ranges::any_of(keys(), [&](const Key& key) { return key.name.starts_with(name + "."); });
    if (const auto* array = name == "component" ? node.as_array() : nullptr; array && array->is_array_of_tables()) {
      for (const auto& each : *array) {
        if (auto problem = read_component(*each.as_table(), config))
          return file.refuse(problem->where, problem->sentence);
      }
      continue;
    }
    const auto* table = node.as_table();
    if (table && (known || !table->empty())) {
      if (auto status = file.read_section(name, *table, config); !status) return std::unexpected(status.error());
      continue;
    }
    if (known) return file.refuse(node.source(), name + " must be a section: [" + name + "]");
    return file.unknown(node, name);
  }
  if (const auto problem = contradiction(config); !problem.empty()) {
    return fail(Failure::invalid, path.string() + ": " + problem);
  }
  return config;
}

}  // namespace rookery::server
