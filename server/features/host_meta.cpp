// XEP-0156 and XEP-0487: where WebSocket and BOSH are, for clients that cannot ask the DNS (RFC 6415 in XML and JSON).
#include <algorithm>

#include "server/features/features.h"
#include "server/http/http_server.h"
#include "server/node.h"

namespace rookery::server {

namespace {

constexpr int ttl_seconds = 86'400;  // XEP-0487 advises against more than a week

struct Link {
  std::string rel;
  std::string href;  ///< empty: reached by `port`
  std::string port;
  int priority = 0;
};

std::string port_of(const std::string& address) { return address.substr(address.rfind(':') + 1); }

/// The links of XEP-0156, and those that only XEP-0487 knows.
std::vector<Link> links(const Node& node, const std::string& https, bool is_version_2) {
  std::vector<Link> all = {
      {"urn:xmpp:alt-connections:websocket",
       "wss" + https.substr(std::string_view("https").size()) + "/xmpp-websocket",
       {},
       20},
      {"urn:xmpp:alt-connections:xbosh", https + "/http-bind", {}, 30},
  };
  if (is_version_2 && !node.config().c2s_tls.empty())
    all.push_back({"urn:xmpp:alt-connections:tls", {}, port_of(node.config().c2s_tls.front()), 10});
  return all;
}

/// Domains and URLs of ours hold nothing that JSON would have to escape but what this covers.
std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string as_json(const Config& config, const std::string& domain, const std::vector<Link>& all) {
  const bool is_version_2 = !config.http_public_addresses.empty();
  std::string ips;
  for (const auto& ip : config.http_public_addresses) ips += (ips.empty() ? "" : ", ") + json_string(ip);
  std::string out = "{\n";
  if (is_version_2) out += "  \"xmpp\": {\"ttl\": " + std::to_string(ttl_seconds) + "},\n";
  out += "  \"links\": [";
  const char* comma = "\n";
  for (const auto& link : all) {
    out += std::string(std::exchange(comma, ",\n")) + "    {\"rel\": " + json_string(link.rel);
    out += link.href.empty() ? ", \"port\": " + link.port : ", \"href\": " + json_string(link.href);
    if (is_version_2) {
      out += ", \"ips\": [" + ips + "], \"priority\": " + std::to_string(link.priority) +
             ", \"weight\": 50, \"sni\": " + json_string(domain);
    }
    out += "}";
  }
  return out + "\n  ]\n}\n";
}

std::string as_xml(const std::vector<Link>& all) {
  std::string out = "<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n";
  for (const auto& link : all) {
    out += "  <Link rel='" + link.rel + "' href='";
    xmpp::append_escaped(out, link.href);
    out += "'/>\n";
  }
  return out + "</XRD>\n";
}

/// The domain that the request names, if it is ours.
std::string asked_domain(const Node& node, const HttpRequest& request) {
  const auto host = request.header("host");
  const std::string name(host.substr(0, host.rfind(':')));
  const auto& domains = node.config().domains;
  return std::ranges::find(domains, name) != domains.end() ? name : domains.front();
}

void answer(const std::shared_ptr<HttpConnection>& connection, const std::string& type, const std::string& body) {
  const auto& method = connection->request().method;
  HttpResponse response{.status = 200, .headers = {{"Content-Type", type}}, .body = body};
  if (method == "OPTIONS") response = {.status = 204, .headers = {}, .body = {}};
  if (method != "GET" && method != "HEAD" && method != "OPTIONS")
    response = HttpResponse::text(405, "Only for reading.").with("Allow", "GET, HEAD, OPTIONS");
  // XEP-0156 §3: for web clients of any site.
  response.with("Access-Control-Allow-Origin", "*").with("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
  connection->respond(std::move(response));
}

}  // namespace

void install_host_meta(Node& node, FeatureRegistry& registry) {
  if (!node.http().is_open()) return;
  node.http().serve("/.well-known/host-meta", [&node](const std::shared_ptr<HttpConnection>& connection) {
    const auto url = node.http().public_url(asked_domain(node, connection->request()));
    answer(connection, "application/xrd+xml; charset=utf-8", as_xml(links(node, url, false)));
  });
  node.http().serve("/.well-known/host-meta.json", [&node](const std::shared_ptr<HttpConnection>& connection) {
    const auto domain = asked_domain(node, connection->request());
    const bool is_version_2 = !node.config().http_public_addresses.empty();
    answer(connection, "application/json",
           as_json(node.config(), domain, links(node, node.http().public_url(domain), is_version_2)));
  });
  // What the links lead to is the edge's: bosh_wire.h.
  registry.implements(
      {.number = 124,
       .name = "Bidirectional-streams Over Synchronous HTTP (BOSH)",
       .version = "1.11.2",
       .left_out = "pauses (§10), key sequences (§15), several streams (§16), acknowledgements of requests (§9)",
       .tests = "golden/bosh, integration/web/streams_test.py"});
  registry.implements({.number = 206,
                       .name = "XMPP Over BOSH",
                       .version = "1.4",
                       .left_out = {},
                       .tests = "golden/bosh, integration/web/streams_test.py"});
  registry.implements({.number = 156,
                       .name = "Discovering Alternative XMPP Connection Methods",
                       .version = "1.4.0",
                       .left_out = {},
                       .tests = "integration/web/host_meta_test.py"});
  registry.implements({.number = 487,
                       .name = "Host Meta 2: One Method To Rule Them All",
                       .version = "0.1.0",
                       .left_out = "public key pins, ECH, QUIC and s2s links; on only with http.public_addresses",
                       .tests = "integration/web/host_meta_test.py"});
}

}  // namespace rookery::server
