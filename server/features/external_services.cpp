// XEP-0215: External Service Discovery: STUN and TURN servers for calls, with time-limited credentials.
#include "server/features/external_services.h"

#include <array>
#include <ctime>

#include "crypto/hash.h"
#include "crypto/random.h"
#include "server/features/features.h"
#include "server/node.h"
#include "xmpp/namespaces.h"

namespace rookery::server {

namespace {

struct External {
  std::string_view type, transport;
  std::string host, port;
  bool is_restricted = false;
};

std::vector<External> known_services(const Config& config) {
  std::vector<External> all;
  const auto add = [&all](const std::vector<std::string>& addresses, std::string_view type, std::string_view transport,
                          bool is_restricted) {
    for (const auto& address : addresses) {
      const auto colon = address.rfind(':');
      auto host = address.substr(0, colon);
      if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
      all.push_back({type, transport, host, address.substr(colon + 1), is_restricted});
    }
  };
  add(config.stun, "stun", "udp", false);
  add(config.turn, "turn", "udp", true);
  add(config.turn_tcp, "turn", "tcp", true);
  add(config.turns, "turns", "tcp", true);
  return all;
}

/// XEP-0082
std::string utc(int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

/// Credentials are for people with an account here: everyone else could relay at our cost.
bool refused(IqRequest& request) {
  if (request.from().has_local() && request.node().router().is_local_domain(request.from().domain())) return false;
  request.fail(xmpp::Condition::forbidden);
  return true;
}

void add_service(xmpp::Element& parent, const External& service, const Config& config) {
  auto& element = parent.add("service");
  element.set_attr("type", service.type)
      .set_attr("host", service.host)
      .set_attr("port", service.port)
      .set_attr("transport", service.transport);
  if (!service.is_restricted) return;
  const int64_t expires = std::time(nullptr) + config.turn_lifetime.count();
  // A random name: the TURN server, often somebody else's, need not learn who calls.
  const auto [username, password] =
      turn_credentials(config.turn_secret, crypto::hex_encode(crypto::random_bytes(8)), expires);
  element.set_attr("restricted", "1")
      .set_attr("username", username)
      .set_attr("password", password)
      .set_attr("expires", utc(expires));
}

void get_services(IqRequest request) {
  if (refused(request)) return;
  const auto type = request.payload().attr("type");
  auto result = request.make_result();
  auto& services = result->add("services", xmpp::ns::external_services);
  if (!type.empty()) services.set_attr("type", type);
  for (const auto& service : known_services(request.node().config())) {
    if (type.empty() || service.type == type) add_service(services, service, request.node().config());
  }
  request.reply(std::move(result));
}

/// §3.3
void get_credentials(IqRequest request) {
  if (refused(request)) return;
  const auto* asked = request.payload().child("service", xmpp::ns::external_services);
  if (asked == nullptr || asked->attr("host").empty() || asked->attr("type").empty())
    return request.fail(xmpp::Condition::bad_request);
  auto result = request.make_result();
  auto& credentials = result->add("credentials", xmpp::ns::external_services);
  for (const auto& service : known_services(request.node().config())) {
    const auto is_meant = [&](std::string_view name, std::string_view value) {
      return asked->attr(name).empty() || asked->attr(name) == value;
    };
    if (service.is_restricted && service.type == asked->attr("type") && service.host == asked->attr("host") &&
        is_meant("port", service.port) && is_meant("transport", service.transport)) {
      add_service(credentials, service, request.node().config());
    }
  }
  if (credentials.first_element() == nullptr) return request.fail(xmpp::Condition::item_not_found);
  request.reply(std::move(result));
}

}  // namespace

TurnCredentials turn_credentials(std::string_view secret, std::string_view name, int64_t expires) {
  std::string username = std::to_string(expires) + ":" + std::string(name);
  std::string password = crypto::base64_encode(crypto::hmac(crypto::Hash::sha1, secret, username));
  return {std::move(username), std::move(password)};
}

void install_external_services(Node& node, FeatureRegistry& registry) {
  registry.implements({.number = 215,
                       .name = "External Service Discovery",
                       .version = "1.0.0",
                       .left_out = "pushes (§3.2): the list changes with a restart only",
                       .tests = "golden/calls, unit/server/features/external_services_test.cpp"});
  if (known_services(node.config()).empty()) return;
  registry.on_iq(Scope::server, "get", "services", xmpp::ns::external_services, get_services);
  registry.on_iq(Scope::server, "get", "credentials", xmpp::ns::external_services, get_credentials);
  registry.advertise(Scope::server, xmpp::ns::external_services);
}

}  // namespace rookery::server
