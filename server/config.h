// The configuration, one TOML file. Every key with its default and a comment: deploy/rookery.toml.example.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "crypto/result.h"
#include "xmpp/sasl/sasl.h"

namespace rookery::server {

/// A program of XEP-0114 that serves a domain of its own, and what it may do beyond that.
struct ComponentConfig {
  std::string domain;
  std::string secret;
  std::filesystem::path secret_file;  ///< instead of `secret`: its first line
  // XEP-0356
  std::string roster = "none";                          ///< or get, set, both
  bool roster_push = true;                              ///< where it may read rosters: is told of changes
  std::string message = "none";                         ///< or outgoing
  std::string presence = "none";                        ///< or managed_entity
  std::vector<std::pair<std::string, std::string>> iq;  ///< namespace, and get, set or both
  // XEP-0355
  struct Delegated {
    std::string ns;
    std::vector<std::string> attributes;  ///< that a request has to have
    bool operator==(const Delegated&) const = default;
  };
  std::vector<Delegated> delegated;

  bool operator==(const ComponentConfig&) const = default;
};

struct Config {
  // [server]
  std::vector<std::string> domains = {"localhost"};
  std::filesystem::path data_dir = "/var/lib/rookery";
  unsigned threads = 0;  ///< event loops; 0: one for each core
  std::string log_level = "info";

  // [listen] "address:port", IPv6 in brackets
  std::vector<std::string> c2s = {"0.0.0.0:5222"};      ///< STARTTLS
  std::vector<std::string> c2s_tls = {"0.0.0.0:5223"};  ///< direct TLS
  std::vector<std::string> c2s_plain;                   ///< without TLS, loopback addresses only (tests, measurements)

  std::vector<std::string> s2s = {"0.0.0.0:5269"};      ///< other servers, STARTTLS; opened only where we federate
  std::vector<std::string> s2s_tls = {"0.0.0.0:5270"};  ///< the same, direct TLS (XEP-0368)
  std::vector<std::string> proxy_protocol;  ///< of all listeners those that only proxies reach, with PROXY protocol 2
  std::vector<std::string> proxies;         ///< addresses or networks of these proxies

  // [http]
  std::vector<std::string> http = {"0.0.0.0:5443"};  ///< HTTPS: WebSocket, BOSH, uploads, host-meta
  std::vector<std::string> http_plain;               ///< without TLS, loopback addresses only (behind a proxy, tests)
  std::string http_public_url;                       ///< empty: https://domain:port of the first listener
  std::vector<std::string> http_trusted_proxies;     ///< addresses whose X-Forwarded-For is believed
  std::vector<std::string> http_public_addresses;    ///< XEP-0487 "ips"; empty: plain XEP-0156
  std::chrono::seconds http_idle_timeout{60};

  // [upload]
  bool upload = true;
  std::string upload_domain;            ///< empty: "upload." and the first domain
  std::string upload_store = "local";   ///< or "s3"
  std::filesystem::path upload_folder;  ///< empty: data_dir/uploads; of "s3": where files wait until they are whole
  std::string s3_endpoint, s3_public_endpoint, s3_region = "us-east-1", s3_bucket;
  bool s3_path_style = true;
  std::filesystem::path s3_access_key_file, s3_secret_key_file, s3_ca_file;
  uint64_t upload_file_bytes = 100 * 1024 * 1024;
  uint64_t upload_quota_bytes = 1024 * 1024 * 1024;  ///< of one account
  std::chrono::seconds upload_keep{30 * 86'400};

  // [calls] "host:port"
  std::vector<std::string> stun, turn, turn_tcp, turns;
  std::string turn_secret;  ///< shared with the TURN server, which is told use-auth-secret
  std::chrono::seconds turn_lifetime{86'400};

  // [tls]
  std::filesystem::path certificate;  ///< empty: data_dir/certificate.pem, made self-signed when missing
  std::filesystem::path key;          ///< empty: data_dir/key.pem

  // [admin]
  std::filesystem::path admin_socket;  ///< empty: data_dir/rookery.sock
  std::vector<std::string> admins;     ///< bare JIDs that may run XEP-0133

  // [contact] XEP-0157: URIs
  std::vector<std::string> contact_abuse, contact_admin, contact_feedback, contact_sales, contact_security,
      contact_status, contact_support;

  // [metrics]
  std::vector<std::string> metrics = {"127.0.0.1:9551"};  ///< HTTP: /metrics, /healthz, /readyz
  bool metrics_tls = false;
  std::filesystem::path metrics_token_file;  ///< holds the bearer token for /metrics; needed beyond loopback

  // [auth]
  std::vector<xmpp::Mechanism> mechanisms;  ///< without "plain" unless allow_plain
  bool allow_plain = false;
  bool channel_binding = true;  ///< offer SCRAM-*-PLUS; for clients that fail to log in while it is offered
  uint32_t scram_iterations = 100'000;
  std::chrono::milliseconds backoff_first{500};  ///< what the answer to a failed attempt waits; doubles up to …
  std::chrono::milliseconds backoff_most{15'000};
  std::chrono::seconds token_lifetime{21 *
                                      86'400};  ///< XEP-0484: how long a client may stay away and still log in by token
  std::chrono::seconds token_rotation{86'400};  ///< a token that is older is replaced when it is used

  // [archive]
  bool archive = true;
  std::chrono::days archive_keep{0};  ///< of an account's messages; 0: for ever
  std::chrono::days archive_rooms_keep{0};

  // [pubsub]
  std::string pubsub_subdomain = "pubsub";  ///< of each of our domains: a service of XEP-0060; empty: none
  std::string pubsub_create = "local";      ///< who may make nodes there: local (accounts of ours), anyone, nobody

  // [muc] XEP-0045
  std::string muc_subdomain = "conference";  ///< of each of our domains; empty: no rooms
  std::string muc_create = "local";          ///< who may create rooms: "local" accounts, "anyone", "nobody"
  size_t muc_history = 100;                  ///< messages a room keeps at hand for those who enter
  size_t muc_occupants = 5000;               ///< most in one room
  size_t muc_members = 20'000;               ///< most on the lists of one room: members, admins, owners, banned
  size_t muc_rooms_per_user = 100;           ///< that one account may have created
  std::chrono::seconds muc_idle{60};         ///< nobody in it so long: a room leaves memory; a temporary one ends

  // [csi]
  size_t held_stanzas = 100;  ///< that wait for an inactive client; 0: none does, and XEP-0352 is not offered

  // [push]
  bool push = true;          ///< XEP-0357
  bool push_sender = false;  ///< app servers are told who wrote last

  // [registration]
  bool registration = false;             ///< XEP-0077 in-band
  unsigned registrations_per_ip = 5;     ///< tries in an hour, of one IPv4 address or IPv6 /64
  unsigned registrations_per_hour = 60;  ///< of all together
  std::string invites = "admins";        ///< who may invite (XEP-0401): "admins", "anyone" with an account, "nobody"
  std::chrono::seconds invite_lifetime{7 * 86'400};
  std::chrono::seconds quarantine{86'400};  ///< of accounts made in band without an invitation; 0: none
  unsigned quarantine_strangers = 10;       ///< messages and requests an hour to others than contacts meanwhile

  // [strangers] REQUIREMENTS 29; limits: 0 is none
  std::string strangers_policy = "deliver";  ///< what becomes of messages from strangers: "deliver", "hold", "refuse"
  unsigned strangers_per_hour = 60;          ///< whom an account may turn to for the first time
  unsigned strangers_per_day = 300;
  unsigned strangers_per_domain = 300;  ///< in an hour, of all of another domain together

  // [reports] XEP-0377
  std::vector<std::string> reports_notify;  ///< bare JIDs that get a message for each
  unsigned reports_per_day = 50;            ///< of one account; what is beyond is a block only
  std::chrono::seconds reports_keep{365 * 86'400};

  // [affiliations]
  std::string affiliations_to = "local";  ///< XEP-0489, who may ask: "local", "anyone", "nobody"

  // [storage]
  std::string storage_kind = "embedded";  ///< or "postgres"
  std::string storage_postgres;           ///< libpq's connection string

  // [cluster]
  std::vector<std::string> cluster_nats;  ///< URLs; empty: a single node
  std::string cluster_node;               ///< this node's name; empty: the host's
  std::string cluster_name = "rookery";   ///< separates networks on the same NATS
  bool cluster_edge_only = false;         ///< takes connections, owns no accounts
  std::chrono::seconds cluster_lease{4};  ///< a node that was not heard of for so long loses its shards
  std::filesystem::path cluster_nats_credentials, cluster_nats_ca, cluster_nats_certificate, cluster_nats_key;

  // [s2s]
  std::string s2s_enabled = "auto";              ///< "auto": where a domain is not a local name (RFC 6761); "on", "off"
  bool s2s_dialback = true;                      ///< XEP-0220 where certificates do not do
  std::filesystem::path s2s_ca;                  ///< authorities beside the system's
  std::vector<std::string> s2s_allow, s2s_deny;  ///< domains; allow empty: all
  std::vector<std::string> s2s_allow_private;    ///< networks to which we connect though they are private
  std::map<std::string, std::string> s2s_hosts;  ///< domain → "address:port", instead of DNS
  std::string s2s_resolver;                      ///< "address:port"; empty: the system's
  std::chrono::seconds s2s_keep{86'400};         ///< how long a message waits for a server that does not answer
  std::chrono::seconds s2s_retry_most{300};      ///< the longest rest between two attempts
  size_t s2s_stanza_bytes = 512 * 1024;

  // [components], [[component]]
  std::vector<std::string> components_listen = {"127.0.0.1:5347"};  ///< opened only where there is a component
  bool components_tls = false;
  std::vector<ComponentConfig> components;

  // [limits]
  size_t stanza_bytes = 256 * 1024;
  size_t bytes_per_second = 1024 * 1024;  ///< of one client, reading pauses beyond; 0: unlimited
  size_t burst_bytes = 4 * 1024 * 1024;
  size_t outbox_bytes = 8 * 1024 * 1024;  ///< a client that reads slower than that is closed
  unsigned unauthenticated_per_ip = 256;
  unsigned unauthenticated_per_listener = 2048;
  unsigned unauthenticated_total = 4096;
  unsigned sessions_per_account = 32;
  uint64_t pubsub_bytes_per_account = 64 * 1024 * 1024;  ///< of items; 0: no limit
  std::chrono::seconds tls_timeout{30};
  std::chrono::seconds auth_timeout{60};
  std::chrono::seconds ping_after{
      600};  ///< a client that says nothing for so long is asked whether it is there; 0: never
  std::chrono::seconds stalled_after{30};    ///< a client that does not answer <r/> for so long is not fed any more
  std::chrono::seconds resume_timeout{600};  ///< XEP-0198 max

  bool operator==(const Config&) const = default;
};

/// Reads and checks the file. An unknown key is Failure::invalid and names the nearest real one; so is a wrong type or
/// value.
Result<Config> load_config(const std::filesystem::path& file);

/// Every key that load_config() knows, as "section.key".
std::vector<std::string> config_keys();

}  // namespace rookery::server
