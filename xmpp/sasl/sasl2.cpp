#include "xmpp/sasl/sasl2.h"

#include "crypto/hash.h"
#include "xmpp/namespaces.h"
#include "xmpp/time.h"

namespace rookery::xmpp {

namespace {

constexpr size_t most_agent_text = 256;  // bytes of <software/> and <device/> that are kept
constexpr size_t most_upgrades = 8;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view white = " \t\r\n";
  const size_t first = text.find_first_not_of(white);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white) - first + 1);
}

// xs:pattern of XEP-0388 §9; the version is not looked at.
bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool is_hex = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
    if (is_dash ? c != '-' : !is_hex) return false;
  }
  return true;
}

std::string shortened(std::string text) {
  if (text.size() <= most_agent_text) return text;
  size_t end = most_agent_text;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not inside a character
  text.resize(end);
  return text;
}

std::optional<UserAgent> parse_agent(const Element& element) {
  UserAgent agent;
  agent.id = element.attr("id");
  if (element.has_attr("id") && !is_uuid(agent.id)) return std::nullopt;
  for (char& c : agent.id) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c | 0x20);
  }
  agent.software = shortened(element.child_text("software", ns::sasl2));
  agent.device = shortened(element.child_text("device", ns::sasl2));
  return agent;
}

std::optional<Sasl2Request::Fast> parse_fast(const Element& element) {
  Sasl2Request::Fast fast;
  if (element.has_attr("count")) {
    // The schema says xs:int; §3.4 says positive.
    fast.count = parse_unsigned(element.attr("count"), INT32_MAX);
    if (!fast.count || *fast.count == 0) return std::nullopt;
  }
  const auto invalidate = parse_boolean_attribute(element, "invalidate");
  if (!invalidate) return std::nullopt;
  fast.invalidate = *invalidate;
  return fast;
}

/// One child of <authenticate/>; false: malformed. What nobody knows is ignored.
bool read_child(const Element& child, Sasl2Request& request) {
  if (child.is("user-agent", ns::sasl2)) {
    auto agent = parse_agent(child);
    if (agent) request.agent = std::move(*agent);
    return agent.has_value();
  }
  if (child.is("resume", ns::sm)) {
    const auto parsed = parse_stream_management(child);
    if (!parsed) return false;
    request.resume = std::get<SmResume>(*parsed);
  } else if (child.is("bind", ns::bind2)) {
    request.bind = child.clone();
  } else if (child.is("fast", ns::fast)) {
    request.fast = parse_fast(child);
    return request.fast.has_value();
  } else if (child.is("request-token", ns::fast)) {
    request.token_wish = child.attr("mechanism");
  } else if (child.is("upgrade", ns::sasl_upgrade)) {
    if (request.upgrades.size() < most_upgrades) request.upgrades.emplace_back(trimmed(child.text()));
  } else if (child.is("config-version", ns::config_version)) {
    request.config_version = child.attr("value");
  }
  return true;
}

void append_data(std::string& out, std::string_view data) {
  if (!data.empty()) out.append("<additional-data>").append(crypto::base64_encode(data)).append("</additional-data>");
}

std::string opening(std::string_view name) { return "<" + std::string(name) + " xmlns='urn:xmpp:sasl:2'>"; }

}  // namespace

std::optional<std::string> parse_sasl_data(const Element& element) {
  const std::string text = element.text();
  auto data = crypto::base64_decode(trimmed(text));
  if (!data) return std::nullopt;
  return std::move(*data);
}

std::expected<Sasl2Request, SaslError> Sasl2Request::parse(const Element& authenticate) {
  Sasl2Request request;
  request.mechanism = authenticate.attr("mechanism");
  if (request.mechanism.empty()) return std::unexpected(SaslError::invalid_mechanism);
  if (const Element* initial = authenticate.child("initial-response", ns::sasl2)) {
    request.initial_response = parse_sasl_data(*initial);
    if (!request.initial_response) return std::unexpected(SaslError::incorrect_encoding);
  }
  for (const Element& child : authenticate.elements()) {
    if (!read_child(child, request)) return std::unexpected(SaslError::malformed_request);
  }
  return request;
}

std::string Sasl2Offer::to_xml() const {
  std::string out = opening("authentication");
  for (const auto name : mechanisms) out.append("<mechanism>").append(name).append("</mechanism>");
  // XEP-0198 §9: resuming is inline of SASL2, enabling is inline of Bind2.
  out += "<inline><sm xmlns='urn:xmpp:sm:3'/><bind xmlns='urn:xmpp:bind:0'><inline>";
  for (const auto& feature : bind_features) out.append("<feature var='").append(feature).append("'/>");
  out += "</inline></bind>";
  if (!fast_mechanisms.empty()) {
    out += "<fast xmlns='urn:xmpp:fast:0'>";
    for (const auto name : fast_mechanisms) out.append("<mechanism>").append(name).append("</mechanism>");
    out += "</fast>";
  }
  out += "</inline>";
  for (const auto& task : upgrades)
    out.append("<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>").append(task).append("</upgrade>");
  return out + "</authentication>";
}

std::string sasl2_challenge(std::string_view data) {
  return opening("challenge") + crypto::base64_encode(data) + "</challenge>";
}

std::string sasl2_failure(SaslError error, std::string_view condition) {
  std::string out = opening("failure");
  out.append("<").append(to_string(error)).append(" xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
  return out.append(condition).append("</failure>");
}

std::string sasl2_continue(std::string_view data, std::string_view task) {
  std::string out = opening("continue");
  append_data(out, data);
  return out.append("<tasks><task>").append(task).append("</task></tasks></continue>");
}

std::string sasl2_success(std::string_view data, std::string_view identity, std::string_view more) {
  std::string out = opening("success");
  append_data(out, data);
  out += "<authorization-identifier>";
  append_escaped(out, identity);
  return out.append("</authorization-identifier>").append(more).append("</success>");
}

std::string fast_token_element(std::string_view secret, TimePoint expires) {
  std::string out = "<token xmlns='urn:xmpp:fast:0' expiry='";
  // Whole seconds: XEP-0082 allows fractions, not every client reads them.
  out.append(format_date_time(std::chrono::floor<std::chrono::seconds>(expires))).append("' token='");
  append_escaped(out, secret);
  return out.append("'/>");
}

std::string upgrade_task(std::string_view scram_mechanism) { return "UPGR-" + std::string(scram_mechanism); }

std::string upgrade_salt(std::string_view salt, uint32_t iterations) {
  return opening("task-data") + "<salt xmlns='urn:xmpp:scram-upgrade:0' iterations='" + std::to_string(iterations) +
         "'>" + crypto::base64_encode(salt) + "</salt></task-data>";
}

std::optional<std::string> parse_upgrade_hash(const Element& task_data) {
  const Element* hash = task_data.child("hash", ns::scram_upgrade);
  return hash == nullptr ? std::nullopt : parse_sasl_data(*hash);
}

}  // namespace rookery::xmpp
