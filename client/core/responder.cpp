#include "client/core/responder.h"

#include <chrono>
#include <ctime>
#include <string_view>
#include <vector>

#include "xmpp/errors.h"
#include "xmpp/namespaces.h"
#include "xmpp/payloads/alteration.h"
#include "xmpp/payloads/caps.h"
#include "xmpp/payloads/entity_queries.h"
#include "xmpp/payloads/omemo.h"

namespace rookery::client {

namespace ns = xmpp::ns;

namespace {

constexpr std::string_view client_name = "Rookery";
constexpr std::string_view client_version = "0.1.0";
constexpr std::string_view caps_node = "https://rookery.im";

/// "+notify" makes servers send us changes of these PEP nodes (XEP-0163 §4.2).
std::vector<std::string> features() {
  using crypto::omemo::Version;
  std::vector<std::string> all = {std::string(ns::disco_info),      std::string(ns::caps),    std::string(ns::ping),
                                  std::string(ns::version),         std::string(ns::time),    std::string(ns::receipts),
                                  std::string(ns::carbons),         std::string(ns::markers), std::string(ns::eme),
                                  std::string(ns::message_correct), std::string(ns::retract)};
  for (const auto version : {Version::legacy, Version::v2})
    all.push_back(std::string(xmpp::omemo::devices_node(version)) + "+notify");
  return all;
}

xmpp::DiscoInfo info() {
  xmpp::DiscoInfo info;
  info.identities = {{"client", "console", std::string(client_name), ""}};
  info.features = features();
  return info;
}

const std::string& verification() {
  static const std::string hash = [] {
    auto computed = xmpp::caps_hash(info());
    ensure(computed.has_value());
    return *computed;
  }();
  return hash;
}

xmpp::EntityTime local_time() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm local{};
  localtime_r(&seconds, &local);
  return {std::chrono::floor<std::chrono::seconds>(now), std::chrono::minutes(local.tm_gmtoff / 60)};
}

}  // namespace

xmpp::ElementPtr answer_request(const xmpp::Element& iq, bool sender_may_know) {
  const auto refuse = [&iq] { return xmpp::error_reply(iq, {.condition = xmpp::Condition::service_unavailable}); };
  if (!sender_may_know || iq.attr("type") != "get") return refuse();
  auto reply = xmpp::result_reply(iq);
  if (iq.child("ping", ns::ping)) return reply;
  if (const auto* query = iq.child("query", ns::disco_info)) {
    auto answer = info();
    answer.node = query->attr("node");
    if (!answer.node.empty() && answer.node != std::string(caps_node) + "#" + verification())
      return xmpp::error_reply(iq, {.condition = xmpp::Condition::item_not_found});
    answer.add_to(*reply);
    return reply;
  }
  if (iq.child("query", ns::version)) {
    xmpp::SoftwareVersion{std::string(client_name), std::string(client_version), ""}.add_to(*reply);
    return reply;
  }
  if (!iq.child("time", ns::time)) return refuse();
  local_time().add_to(*reply);
  return reply;
}

void add_caps(xmpp::Element& presence) { xmpp::Caps{"sha-1", std::string(caps_node), verification()}.add_to(presence); }

}  // namespace rookery::client
